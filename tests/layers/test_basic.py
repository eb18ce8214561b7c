import pytest
import torch
from layer_oracles import SIZES, activated, around, assert_gradients_reach, awake, batch_norm, gathered, image
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet

from sasa_nas.blocks.basic.layer import BasicBlock
from sasa_nas.channel_attention.gather_excite.layer import GatherExcite


def build(
    in_channels: int = 6, *, stride: int = 1, attention: bool = False, parameter_free: bool = False
) -> BasicBlock:
    return awake(
        BasicBlock(
            in_channels,
            8,
            nn.Conv2d(in_channels, 8, 3, stride=stride, padding=1, bias=False),
            nn.Conv2d(8, 8, 3, padding=1, bias=False),
            stride=stride,
            attention=GatherExcite() if attention else None,
            parameter_free_shortcut=parameter_free,
        )
    )


def by_hand(block: BasicBlock, x: Tensor) -> Tensor:
    assert isinstance(block.first, nn.Conv2d)
    assert isinstance(block.second, nn.Conv2d)
    y = activated(block.first_norm, F.conv2d(x, block.first.weight, stride=block.stride, padding=1))
    y = batch_norm(block.second_norm, F.conv2d(y, block.second.weight, padding=1))
    if block.attention is not None:
        y = gathered(y)
    return (y + around(block.shortcut, x)).clamp(min=0)


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
@pytest.mark.parametrize("stride", [1, 2])
def test_is_that_of_torchvision(stride: int) -> None:
    block = build(8, stride=stride)
    down = nn.Sequential(nn.Conv2d(8, 8, 1, stride=2, bias=False), nn.BatchNorm2d(8)) if stride == 2 else None
    theirs = resnet.BasicBlock(8, 8, stride, down).double().eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), block.state_dict().values(), strict=True)))
    x = image(2, 8, 5, 4)
    torch.testing.assert_close(block(x), theirs(x))


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_gradients_reach_every_parameter(size: tuple[int, int], attention: bool) -> None:
    assert_gradients_reach(build(stride=2, attention=attention), image(2, 6, *size))


def test_weights_keep_their_names() -> None:
    names = [name for name, _ in build(stride=2).named_parameters()]
    assert names == [
        "first.weight",
        "first_norm.weight",
        "first_norm.bias",
        "second.weight",
        "second_norm.weight",
        "second_norm.bias",
        "shortcut.0.weight",
        "shortcut.1.weight",
        "shortcut.1.bias",
    ]


def test_a_parameter_free_shortcut_cannot_narrow() -> None:
    with pytest.raises(ValueError, match=r"out_channels=8 .*in_channels=9"):
        build(9, parameter_free=True)
