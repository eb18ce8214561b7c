import pytest
import torch
from layer_oracles import SIZES, activated, assert_gradients_reach, awake, batch_norm, gathered, image, pointwise
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import mnasnet

from sasa_nas.blocks.inverted.layer import InvertedResidual
from sasa_nas.channel_attention.gather_excite.layer import GatherExcite


def build(
    out_channels: int = 5, *, expansion: int = 3, depthwise_size: int = 3, stride: int = 1, attention: bool = False
) -> InvertedResidual:
    return awake(
        InvertedResidual(
            4,
            out_channels,
            expand=nn.Conv2d(4, 4 * expansion, 1, bias=False) if expansion > 1 else None,
            hidden_channels=4 * expansion,
            depthwise_size=depthwise_size,
            stride=stride,
            attention=GatherExcite() if attention else None,
        )
    )


def by_hand(block: InvertedResidual, x: Tensor) -> Tensor:
    y = x
    if isinstance(block.expand, nn.Conv2d):
        assert block.expand_norm is not None
        y = activated(block.expand_norm, pointwise(block.expand, y))
    hidden, radius = block.hidden_channels, block.depthwise_size // 2
    depthwise = F.conv2d(y, block.depthwise.weight, stride=block.stride, padding=radius, groups=hidden)
    y = activated(block.depthwise_norm, depthwise)
    if block.attention is not None:
        y = gathered(y)
    y = batch_norm(block.project_norm, pointwise(block.project, y))
    return x + y if x.shape == y.shape else y


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("expansion", [1, 3])
@pytest.mark.parametrize(
    ("out_channels", "stride", "depthwise_size", "attention"),
    [(4, 1, 3, False), (4, 1, 5, True), (4, 2, 3, True), (5, 1, 3, True), (5, 2, 5, False)],
)
def test_agrees_with_the_block_by_hand(
    out_channels: int, stride: int, depthwise_size: int, attention: bool, expansion: int, training: bool
) -> None:
    block = build(
        out_channels, expansion=expansion, depthwise_size=depthwise_size, stride=stride, attention=attention
    ).train(training)
    x = image(2, 4, 3, 5)
    torch.testing.assert_close(block(x), by_hand(block, x), rtol=1e-9, atol=1e-11)


@torch.no_grad()
@pytest.mark.parametrize(("out_channels", "stride", "depthwise_size"), [(4, 1, 3), (6, 2, 5)])
def test_is_that_of_torchvision(out_channels: int, stride: int, depthwise_size: int) -> None:
    block = build(out_channels, stride=stride, depthwise_size=depthwise_size)
    theirs = mnasnet._InvertedResidual(4, out_channels, depthwise_size, stride, 3).double().eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), block.state_dict().values(), strict=True)))
    x = image(2, 4, 5, 6)
    torch.testing.assert_close(block(x), theirs(x))


@pytest.mark.parametrize("expansion", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_gradients_reach_every_parameter(size: tuple[int, int], expansion: int) -> None:
    assert_gradients_reach(build(expansion=expansion, attention=True), image(2, 4, *size))


def test_without_expansion_nothing_widens() -> None:
    with pytest.raises(ValueError, match=r"hidden_channels=8 .*in_channels=4"):
        InvertedResidual(4, 4, expand=None, hidden_channels=8)


@pytest.mark.parametrize("size", [0, 4])
def test_the_depthwise_kernel_has_a_centre(size: int) -> None:
    with pytest.raises(ValueError, match="depthwise_size"):
        InvertedResidual(4, 4, expand=None, hidden_channels=4, depthwise_size=size)
