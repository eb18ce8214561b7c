"""Attention over channels, held against its equations."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_oracles import (
    SIZES,
    activated,
    assert_gradients_reach,
    awake,
    batch_norm,
    gathered,
    image,
    parameter_count,
    pointwise,
    scrambled,
    sigmoid,
)
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import ops

from sasa_nas.channel_attention.bottleneck_attention.layer import BottleneckAttention
from sasa_nas.channel_attention.conv_block_attention.layer import ConvBlockAttention
from sasa_nas.channel_attention.gather_excite.layer import GatherExcite
from sasa_nas.channel_attention.global_local_attention.layer import GlobalLocalAttention
from sasa_nas.channel_attention.squeeze_excitation.layer import SqueezeExcitation

Attention = SqueezeExcitation | GatherExcite | BottleneckAttention | ConvBlockAttention | GlobalLocalAttention

KINDS = {
    "se": lambda: SqueezeExcitation(6, reduction=2),
    "ge": lambda: GatherExcite(),
    "bam": lambda: BottleneckAttention(6, reduction=2, dilation=2),
    "cbam": lambda: ConvBlockAttention(6, reduction=2, kernel_size=5),
    "gala": lambda: GlobalLocalAttention(6, reduction=2),
}


def squeezed(mlp: nn.Sequential, maps: Tensor) -> Tensor:
    return pointwise(mlp[2], pointwise(mlp[0], maps).clamp(min=0))


def by_its_equations(layer: Attention, x: Tensor) -> Tensor:
    mean = x.sum((2, 3), keepdim=True) / x[0, 0].numel()
    match layer:
        case SqueezeExcitation():
            return x * sigmoid(squeezed(layer.mlp, mean))
        case GatherExcite():
            return gathered(x)
        case BottleneckAttention():
            by_channel = pointwise(layer.channel[3], activated(layer.channel[1], pointwise(layer.channel[0], mean)))
            y = activated(layer.spatial[1], pointwise(layer.spatial[0], x))
            for conv, norm in ((layer.spatial[3], layer.spatial[4]), (layer.spatial[6], layer.spatial[7])):
                y = activated(
                    norm, F.conv2d(y, conv.weight, conv.bias, padding=layer.dilation, dilation=layer.dilation)
                )
            return x + x * sigmoid(by_channel + pointwise(layer.spatial[9], y))
        case ConvBlockAttention():
            largest = x.flatten(2).max(2).values[:, :, None, None]
            y = x * sigmoid(squeezed(layer.mlp, mean) + squeezed(layer.mlp, largest))
            seen = torch.stack([y.max(1).values, y.sum(1) / y.shape[1]], dim=1)
            by_pixel = batch_norm(layer.norm, F.conv2d(seen, layer.conv.weight, padding=layer.kernel_size // 2))
            return y * sigmoid(by_pixel)
        case GlobalLocalAttention():
            by_channel, by_pixel = squeezed(layer.global_mlp, mean), squeezed(layer.local_mlp, x)
            return x * sigmoid(layer.alpha * (by_pixel + by_channel) + layer.beta * by_pixel * by_channel)


@torch.no_grad()
@pytest.mark.parametrize("size", [*SIZES, (1, 1)])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_its_equations(kind: str, training: bool, size: tuple[int, int]) -> None:
    layer = scrambled(KINDS[kind]()).train(training)
    x = image(2, 6, *size)
    torch.testing.assert_close(layer(x), by_its_equations(layer, x), rtol=1e-9, atol=1e-11)


@torch.no_grad()
def test_squeeze_and_excitation_is_that_of_torchvision() -> None:
    layer, theirs = scrambled(SqueezeExcitation(16, reduction=4)), ops.SqueezeExcitation(16, 4).double()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), layer.state_dict().values(), strict=True)))
    x = image(2, 16, 3, 4)
    torch.testing.assert_close(layer(x), theirs(x))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind: str, size: tuple[int, int]) -> None:
    assert_gradients_reach(awake(KINDS[kind]()), image(2, 6, *size).requires_grad_())


def resnet50_with(kind: type[nn.Module], *, after_stages: bool) -> int:
    """Parameters of ResNet-50 with attention after its first three stages, or in every block."""
    total = 25_557_032
    for channels, blocks in ((256, 3), (512, 4), (1024, 6), *([] if after_stages else [(2048, 3)])):
        with torch.device("meta"):
            total += parameter_count(kind(channels)) * (1 if after_stages else blocks)
    return total


def test_published_parameter_counts_of_resnet50() -> None:
    """The tables of Hu et al. 2018 and Bello et al. 2019, the latter's rounded."""
    assert resnet50_with(SqueezeExcitation, after_stages=False) == 28_088_024
    assert resnet50_with(BottleneckAttention, after_stages=True) == pytest.approx(25.92e6, abs=5e3)
    assert resnet50_with(ConvBlockAttention, after_stages=False) == pytest.approx(28.09e6, abs=5e3)
    assert resnet50_with(GlobalLocalAttention, after_stages=False) == pytest.approx(29.4e6, abs=5e4)
    assert parameter_count(GatherExcite()) == 0


@torch.no_grad()
@settings(deadline=None, max_examples=20)
@given(size=st.tuples(st.integers(1, 9), st.integers(1, 9)), kind=st.sampled_from(list(KINDS)))
def test_the_shape_stays(size: tuple[int, int], kind: str) -> None:
    out = KINDS[kind]().eval()(torch.randn(2, 6, *size))
    assert out.shape == (2, 6, *size)
    assert out.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_stays_under_autocast(kind: str) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert KINDS[kind]()(torch.randn(2, 6, 3, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("kind", [SqueezeExcitation, BottleneckAttention, ConvBlockAttention, GlobalLocalAttention])
def test_a_hidden_layer_has_a_channel_at_least(kind: type[nn.Module]) -> None:
    hidden = {conv.out_channels for conv in kind(6, reduction=16).modules() if isinstance(conv, nn.Conv2d)}
    assert min(hidden) == 1


def test_one_image_is_no_batch_to_normalise_in_training() -> None:
    layer = BottleneckAttention(6, reduction=2)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        layer(torch.randn(1, 6, 4, 4))
    assert layer.eval()(torch.randn(1, 6, 4, 4)).shape == (1, 6, 4, 4)


@pytest.mark.parametrize(
    ("name", "kind", "arguments"),
    [
        ("reduction", SqueezeExcitation, {"reduction": 0}),
        ("reduction", BottleneckAttention, {"reduction": 0}),
        ("dilation", BottleneckAttention, {"dilation": 0}),
        ("reduction", ConvBlockAttention, {"reduction": -1}),
        ("kernel_size", ConvBlockAttention, {"kernel_size": 4}),
        ("reduction", GlobalLocalAttention, {"reduction": 0}),
    ],
)
def test_bad_arguments_are_named(name: str, kind: type[nn.Module], arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=name):
        kind(16, **arguments)
