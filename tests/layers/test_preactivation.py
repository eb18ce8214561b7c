import pytest
import torch
from layer_oracles import SIZES, activated, around, assert_gradients_reach, awake, gathered, image, parameter_count
from torch import Tensor, nn
from torch.nn import functional as F

from sasa_nas.blocks.preactivation.layer import PreactivationBlock
from sasa_nas.channel_attention.gather_excite.layer import GatherExcite
from sasa_nas.layers.norm_activation import NormActivation
from sasa_nas.stems.conv.layer import ConvStem


def conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)


def build(
    in_channels: int = 6, *, stride: int = 1, attention: bool = False, parameter_free: bool = False
) -> PreactivationBlock:
    return awake(
        PreactivationBlock(
            in_channels,
            8,
            conv(in_channels, 8, stride),
            conv(8, 8),
            stride=stride,
            attention=GatherExcite() if attention else None,
            parameter_free_shortcut=parameter_free,
        )
    )


def by_hand(block: PreactivationBlock, x: Tensor) -> Tensor:
    assert isinstance(block.first, nn.Conv2d)
    assert isinstance(block.second, nn.Conv2d)
    before = activated(block.first_norm, x)
    y = activated(block.second_norm, F.conv2d(before, block.first.weight, stride=block.stride, padding=1))
    y = F.conv2d(y, block.second.weight, padding=1)
    if block.attention is not None:
        y = gathered(y)
    changes = x.shape[1:] != y.shape[1:]
    return y + around(block.shortcut, before if changes else x)


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("in_channels", "stride"), [(8, 1), (6, 1), (8, 2)])
@pytest.mark.parametrize(("attention", "parameter_free"), [(False, False), (True, False), (False, True), (True, True)])
def test_agrees_with_the_block_by_hand(
    in_channels: int, stride: int, attention: bool, parameter_free: bool, training: bool
) -> None:
    block = build(in_channels, stride=stride, attention=attention, parameter_free=parameter_free).train(training)
    x = image(2, in_channels, 3, 5)
    torch.testing.assert_close(block(x), by_hand(block, x), rtol=1e-9, atol=1e-11)


@torch.no_grad()
def test_the_identity_is_not_activated() -> None:
    block = build(8)
    assert isinstance(block.second, nn.Conv2d)
    block.second.weight.zero_()
    x = image(2, 8, 3, 4)
    torch.testing.assert_close(block(x), x, rtol=0, atol=0)


def test_a_projection_has_no_norm() -> None:
    assert [type(layer) for layer in build().shortcut.children()] == [nn.Conv2d]


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_gradients_reach_every_parameter(size: tuple[int, int], attention: bool) -> None:
    assert_gradients_reach(build(stride=2, attention=attention), image(2, 6, *size))


def test_published_parameter_count_of_wrn_28_10() -> None:
    """With 100 classes, and shortcuts without parameters as in Bello et al. 2019."""
    with torch.device("meta"):
        total = parameter_count(ConvStem(3, 16, kernel_size=3, stride=1, pool=False, activation=False))
        before = 16
        for width, stride in ((160, 1), (320, 2), (640, 2)):
            for i in range(4):
                first, second = conv(before, width, stride if i == 0 else 1), conv(width, width)
                block = PreactivationBlock(
                    before, width, first, second, stride=first.stride[0], parameter_free_shortcut=True
                )
                total += parameter_count(block)
                before = width
        total += parameter_count(NormActivation(640)) + parameter_count(nn.Linear(640, 100))
    assert total == 36_278_324


def test_a_parameter_free_shortcut_cannot_narrow() -> None:
    with pytest.raises(ValueError, match=r"out_channels=8 .*in_channels=9"):
        build(9, parameter_free=True)
