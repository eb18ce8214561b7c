"""A task whose answer is known, trained for real: attention helps in the stage that must compare distant patches."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sasa_nas import SearchSettings, load_space, search
from sasa_nas.data.matching import draw_matching
from sasa_nas.models import build
from sasa_nas.searching.plan import draw, plan_search
from sasa_nas.space import Architecture
from sasa_nas.space.choosers import RecallChooser
from sasa_nas.space.enumeration import every_design


def networks() -> dict[tuple[str, ...], Architecture]:
    """The four networks that a search of the space trains, by their operators."""
    plan = plan_search(load_space("matching"), SearchSettings())
    drawn = [draw(plan, RecallChooser(choices)).architecture for choices, _ in every_design(plan.space)]
    return {tuple(stage.operator.kind for stage in network.stages): network for network in drawn}


def reaches(network: Architecture) -> int:
    """Of the places of the last map, how many see columns of both sides of an image, where patches stand."""
    torch.manual_seed(0)
    module = build(network).eval()
    maps: list[Tensor] = []
    module.stages[-1].register_forward_hook(lambda _, inputs, output: maps.append(output))
    for part in module.modules():
        if isinstance(part, nn.ReLU):
            part.forward = lambda x: x  # type: ignore[method-assign]  # no unit is dead
    pixels, _ = draw_matching(1, 0)
    images = (torch.from_numpy(pixels).float() / 255).requires_grad_()
    module(images)
    count = 0
    for place in maps[0].sum(1).flatten():
        (gradient,) = torch.autograd.grad(place, images, retain_graph=True)
        seen = gradient.abs().sum((0, 1, 2)) > 0
        count += bool(seen[:4].any() and seen[12:].any())
    return count


def test_units_see_both_sides_with_attention_in_the_second_stage_alone() -> None:
    found = {operators: reaches(network) for operators, network in networks().items()}
    attention = "local_attention"
    assert found == {
        ("conv", "conv"): 0,
        (attention, "conv"): 0,
        ("conv", attention): 64,
        (attention, attention): 64,
    }


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_where_names_the_stage_that_compares_and_no_other(tmp_path: Path) -> None:
    # four networks with two seeds each: the whole space, so that only the noise of training is left
    run = search(load_space("matching"), SearchSettings(trials=8, balanced=1.0), out=tmp_path / "run")
    answer = run.where()
    assert answer.covered
    assert (answer.trainings, answer.designs) == (8, 4)
    first, other = answer.stages
    assert (first.stage, first.star) == (1, True)
    assert first.low > 0.1
    assert (other.stage, other.star) == (0, False)
    assert other.low <= 0.0 <= other.high
    assert [pair for pair in answer.interactions if pair.star] == []
