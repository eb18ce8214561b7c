"""Stochastic depth: its expectation, its rates over blocks, and no effect at a rate of 0."""

import pytest
import torch
from torch import nn

from sasa_nas.blocks import BLOCKS, Stage
from sasa_nas.layers.drop_path import DropPath, set_drop_path
from sasa_nas.models import build
from sasa_nas.space import Architecture, Image
from sasa_nas.stems.conv import ConvStem


def network(block: str, blocks: int = 3) -> nn.Module:
    stage = Stage(blocks=blocks, width=8, stride=1)
    stem = ConvStem(width=16, kernel_size=3, stride=1, pool=False)
    return build(Architecture(block=block, stem=stem, stages=(stage,), image=Image(height=8, width=8), num_classes=3))


def rates(model: nn.Module) -> list[float]:
    return [module.rate for module in model.modules() if isinstance(module, DropPath)]


def test_branches_are_left_out_or_scaled_image_by_image() -> None:
    torch.manual_seed(0)
    branch = torch.randn(4000, 2, 3, 3)
    out = DropPath(0.25)(branch)
    kept = out.flatten(1).any(1)
    assert kept.double().mean() == pytest.approx(0.75, abs=0.03)
    torch.testing.assert_close(out, branch * kept.view(-1, 1, 1, 1) / 0.75)
    assert DropPath(0.25).eval()(branch) is branch


def test_its_expectation_is_the_branch() -> None:
    torch.manual_seed(0)
    assert DropPath(0.4)(torch.ones(20_000, 1)).mean() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_rate_of_zero_draws_nothing_and_adds_no_state(block: str) -> None:
    model = network(block)
    assert not [name for name in model.state_dict() if "drop_path" in name]
    images = torch.randn(2, 3, 8, 8)
    set_drop_path(model, 0.0)
    state = torch.random.get_rng_state()
    model(images)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("block", BLOCKS)
def test_rates_rise_linearly_over_blocks(block: str) -> None:
    model = network(block)
    assert rates(model) == [0.0, 0.0, 0.0]
    set_drop_path(model, 0.5)
    assert rates(model) == [0.0, 0.25, 0.5]


@pytest.mark.parametrize("block", BLOCKS)
def test_without_its_branch_a_block_is_its_shortcut(block: str) -> None:
    torch.manual_seed(0)
    stage = network(block, blocks=2).stages[0]  # type: ignore[index,union-attr]
    last = [module for module in stage if any(isinstance(child, DropPath) for child in module.children())][-1]
    last.drop_path.rate = 1 - 1e-9
    maps = torch.rand(4, last.channels if block == "san" else last.in_channels, 8, 8)
    assert torch.equal(last(maps.clone()), maps)
    assert not torch.equal(last.eval()(maps.clone()), maps)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_other_rates_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate must be"):
        set_drop_path(network("basic"), rate)


def test_a_network_without_blocks_is_refused() -> None:
    with pytest.raises(ValueError, match="no residual blocks"):
        set_drop_path(nn.Linear(2, 2), 0.1)
    set_drop_path(nn.Linear(2, 2), 0.0)
