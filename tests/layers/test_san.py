import pytest
import torch
from layer_oracles import (
    SIZES,
    activated,
    assert_gradients_reach,
    awake,
    gathered,
    image,
    map_like,
    parameter_count,
    pointwise,
    scrambled,
)
from torch import Tensor, nn
from torch.nn import functional as F

from sasa_nas.blocks.san.layer import SanBlock, SanTransition
from sasa_nas.channel_attention.gather_excite.layer import GatherExcite
from sasa_nas.layers.norm_activation import NormActivation
from sasa_nas.operators.pairwise.layer import PairwiseAttention2d
from sasa_nas.stems.conv.layer import ConvStem


def build(*, attention: bool = False) -> SanBlock:
    operator = nn.Conv2d(6, 3, 3, padding=1)
    return awake(SanBlock(6, 3, operator, attention=GatherExcite() if attention else None))


def by_hand(block: SanBlock, x: Tensor) -> Tensor:
    assert isinstance(block.operator, nn.Conv2d)
    y = F.conv2d(activated(block.norm, x), block.operator.weight, block.operator.bias, padding=1)
    y = pointwise(block.expand, activated(block.operator_norm, y))
    return x + (gathered(y) if block.attention is not None else y)


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("attention", [False, True])
def test_agrees_with_the_block_by_hand(attention: bool, training: bool) -> None:
    block = build(attention=attention).train(training)
    x = image(2, 6, 3, 4)
    torch.testing.assert_close(block(x), by_hand(block, x), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("size", SIZES)
def test_gradients_reach_every_parameter(size: tuple[int, int]) -> None:
    assert_gradients_reach(build(attention=True), image(2, 6, *size))


@torch.no_grad()
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [(4, 4), (3, 5), (1, 1)])
def test_a_transition_takes_maxima_and_projects(size: tuple[int, int], stride: int) -> None:
    transition = scrambled(SanTransition(3, 5, stride=stride))
    x = image(2, 3, *size)

    def largest(b: int, y: int, column: int) -> Tensor:
        block = x[b, :, y * stride : (y + 1) * stride, column * stride : (column + 1) * stride]
        return block.flatten(1).max(1).values

    conv = transition[-1]
    assert isinstance(conv, nn.Conv2d)
    assert list(transition.state_dict()) == [f"{len(transition) - 1}.weight"]
    expected = pointwise(conv, map_like(x[:, :, ::stride, ::stride], 3, largest))
    torch.testing.assert_close(transition(x), expected, rtol=1e-10, atol=1e-12)


def test_published_parameter_count_of_san10_pairwise() -> None:
    footprints, widths, depths = (3, 7, 7, 7, 7), (64, 256, 512, 1024, 2048), (2, 1, 2, 4, 1)
    with torch.device("meta"):
        total = parameter_count(ConvStem(3, 64, kernel_size=1, stride=1, pool=False))
        before = 64
        for kernel_size, width, depth in zip(footprints, widths, depths, strict=True):
            operator = PairwiseAttention2d(width, width // 4, kernel_size=kernel_size)
            total += parameter_count(SanTransition(before, width)) + parameter_count(NormActivation(width))
            total += depth * parameter_count(SanBlock(width, width // 4, operator))
            before = width
        total += parameter_count(nn.Linear(2048, 1000))
    assert total == 10_531_848
