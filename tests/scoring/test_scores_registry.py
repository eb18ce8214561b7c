"""All scores: finite, repeatable, blind to validation, and without side effects; on every operator in its suite."""

import math

import pytest
import torch
from assertions import every
from pydantic import ValidationError

from sasa_nas.cost import count_network
from sasa_nas.data.registry import load
from sasa_nas.data.splits import ImageSet, Splits
from sasa_nas.operators import Operator
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.pairwise import Pairwise
from sasa_nas.operators.patchwise import Patchwise
from sasa_nas.run import SearchSettings
from sasa_nas.scoring import SCORES, register_score
from sasa_nas.scoring.compute import compute_scores
from sasa_nas.space import Architecture, Image, Stage

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits() -> Splits:
    return load("digits")


def network(operator: Operator, block: str = "basic", blocks: int = 1) -> Architecture:
    stages = (Stage(blocks=blocks, width=16, operator=operator), Stage(blocks=1, width=16, stride=2, operator=operator))
    return Architecture(block=block, stages=stages, image=Image(channels=1, height=8, width=8), num_classes=10)


@pytest.mark.parametrize("operator", [Pairwise(kernel_size=3), Patchwise(kernel_size=3)], ids=lambda o: o.kind)
def test_deep_san_does_not_overflow(operator: Operator, digits: Splits) -> None:
    found = compute_scores(network(operator, "san", blocks=12), ["synflow"], digits.train, seed=0, device=CPU)
    assert 0 < found["synflow"] < 400


def test_a_seed_fixes_them_and_another_changes_them(digits: Splits) -> None:
    scores = [compute_scores(network(Conv()), SCORES, digits.train, seed=seed, device=CPU) for seed in (3, 3, 4)]
    assert scores[0] == scores[1]
    assert every(scores[0][name] != scores[2][name] for name in SCORES)


def test_the_process_is_left_as_it_was(digits: Splits) -> None:
    state, threads, grad = torch.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    with torch.no_grad():
        under_no_grad = compute_scores(network(Conv()), SCORES, digits.train, seed=0, device=CPU)
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, grad)
    assert under_no_grad == compute_scores(network(Conv()), SCORES, digits.train, seed=0, device=CPU)


def test_more_channels_and_more_layers_let_more_flow(digits: Splits) -> None:
    def flow(width: int, blocks: int) -> float:
        wide = Architecture(
            block="basic",
            stages=(Stage(blocks=blocks, width=width),),
            image=Image(channels=1, height=8, width=8),
            num_classes=10,
        )
        return compute_scores(wide, ["synflow"], digits.train, seed=0, device=CPU)["synflow"]

    assert flow(8, 1) < flow(16, 1) < flow(16, 3)


def test_a_train_part_of_few_images_serves(digits: Splits) -> None:
    few = ImageSet(digits.train.images[:5], digits.train.labels[:5])
    found = compute_scores(network(Conv()), SCORES, few, seed=0, device=CPU)
    assert every(map(math.isfinite, found.values()))


def test_a_score_of_ones_own_is_computed_and_allowed_in_settings(digits: Splits) -> None:
    def parameters(network: torch.nn.Module, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
        return float(sum(parameter.numel() for parameter in network.parameters()))

    with pytest.raises(ValueError, match="registered already"):
        register_score("zico", parameters)
    with pytest.raises(ValidationError, match="'synflow' or 'zico'"):
        SearchSettings(scores=("parameters",))
    register_score("parameters", parameters)
    try:
        assert SearchSettings(scores=("parameters",), score_filter="parameters").scores == ("parameters",)
        found = compute_scores(network(Conv()), ["parameters"], digits.train, seed=0, device=CPU)
    finally:
        del SCORES["parameters"]
    assert found == {"parameters": count_network(network(Conv())).total.params}
