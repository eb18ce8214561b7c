from itertools import product

import pytest
import torch
from layer_oracles import (
    averages,
    coordinates,
    image,
    map_attention,
    parameter_count,
    pixels,
    scrambled,
    sine,
)
from torch import Tensor
from torch.nn import functional as F

from sasa_nas.operators.augmented_conv.layer import AugmentedConv2d, AugmentedPositions

POSITIONS: list[AugmentedPositions] = ["none", "sine", "coordconv", "relative"]


def enlarged(maps: Tensor, height: int, width: int) -> Tensor:
    """Bilinear enlargement, pixel centres aligned, one output pixel at a time."""

    def between(place: int, size: int, target: int) -> tuple[int, int, float]:
        source = max((place + 0.5) * size / target - 0.5, 0.0)
        low = min(int(source), size - 1)
        return low, min(low + 1, size - 1), source - low

    out = torch.empty(*maps.shape[:2], height, width, dtype=torch.float64)
    for b, y, x in pixels(out):
        top, bottom, v = between(y, maps.shape[2], height)
        left, right, u = between(x, maps.shape[3], width)
        upper = (1 - u) * maps[b, :, top, left] + u * maps[b, :, top, right]
        lower = (1 - u) * maps[b, :, bottom, left] + u * maps[b, :, bottom, right]
        out[b, :, y, x] = (1 - v) * upper + v * lower
    return out


def by_loops(layer: AugmentedConv2d, x: Tensor) -> Tensor:
    parts = []
    if layer.conv is not None:
        parts.append(F.conv2d(x, layer.conv.weight, stride=layer.stride, padding=layer.kernel_size // 2))
    if layer.attention is not None:
        seen = averages(x, stride=layer.stride, side=3, before=1) if layer.stride > 1 else x
        height, width = seen.shape[2:]
        if layer.downsample:
            seen = averages(seen, stride=2, side=3, before=1)
        if layer.positions == "sine":
            seen = seen + sine(*seen.shape[1:])
        if layer.positions == "coordconv":
            place = coordinates(*seen.shape[2:])
            radius = (place[0] ** 2 + place[1] ** 2).sqrt()
            places = torch.stack([*place, radius]).expand(len(seen), -1, -1, -1)
            seen = torch.cat([seen, places], 1)
        out = map_attention(layer.attention, seen)
        parts.append(enlarged(out, height, width) if layer.downsample else out)
    return torch.cat(parts, 1)


@torch.no_grad()
@pytest.mark.parametrize(("positions", "stride", "downsample"), list(product(POSITIONS, (1, 2), (False, True))))
def test_agrees_with_loops(positions: AugmentedPositions, stride: int, downsample: bool) -> None:
    layer = AugmentedConv2d(
        3,
        8,
        num_heads=2,
        key_ratio=0.5,
        value_ratio=0.5,
        min_key_dim=1,
        stride=stride,
        positions=positions,
        downsample=downsample,
        feature_size=(5, 4),
    )
    x = image(1, 3, 5, 3)
    torch.testing.assert_close(scrambled(layer)(x), by_loops(layer, x), rtol=1e-10, atol=1e-12)


@torch.no_grad()
def test_without_attention_it_is_the_plain_convolution() -> None:
    layer = AugmentedConv2d(3, 4, kernel_size=5, num_heads=8, value_ratio=0, stride=2, feature_size=(1, 1))
    assert list(layer.state_dict()) == ["conv.weight"]
    assert (layer.key_channels, layer.value_channels) == (0, 0)
    x = torch.randn(2, 3, 6, 5)
    assert layer.conv is not None
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.conv.weight, stride=2, padding=2))


@torch.no_grad()
def test_attention_may_take_all_channels() -> None:
    layer = scrambled(AugmentedConv2d(3, 4, num_heads=2, value_ratio=1.0, feature_size=(3, 3)))
    assert layer.conv is None
    x = image(1, 3, 3, 3)
    torch.testing.assert_close(layer(x), by_loops(layer, x))


@pytest.mark.parametrize(
    ("out_channels", "heads", "kappa", "upsilon", "minimum", "key_channels", "value_channels"),
    [
        (128, 8, 0.2, 0.1, 20, 160, 8),  # the paper's ResNet-50, first augmented stage
        (512, 8, 0.25, 0.25, 20, 160, 128),
        (512, 8, 0.4, 0.1, 20, 200, 48),  # 204.8 and 51.2, down to whole heads
        (72, 4, 0.2, 0.1, 0, 12, 4),  # MnasNet: no minimum
        (10, 8, 0.1, 0.1, 0, 8, 8),  # tiny: a channel a head
        (100, 1, 0.29, 0.29, 1, 29, 29),  # 0.29 * 100 falls just short of 29 in floating point
    ],
)
def test_channels_are_whole_heads(
    out_channels: int,
    heads: int,
    kappa: float,
    upsilon: float,
    minimum: int,
    key_channels: int,
    value_channels: int,
) -> None:
    layer = AugmentedConv2d(
        4,
        out_channels,
        num_heads=heads,
        key_ratio=kappa,
        value_ratio=upsilon,
        min_key_dim=minimum,
        feature_size=(4, 4),
    )
    assert (layer.key_channels, layer.value_channels) == (key_channels, value_channels)


@pytest.mark.parametrize(("ratio", "published"), [((0.2, 0.1), 25_809_392), ((0.25, 0.25), 24_303_728)])
def test_published_parameter_counts_of_aa_resnet50(ratio: tuple[float, float], published: int) -> None:
    total = 25_557_032
    for width, depth, size in ((128, 4, 28), (256, 6, 14), (512, 3, 7)):
        with torch.device("meta"):
            layers = [
                AugmentedConv2d(
                    width,
                    width,
                    key_ratio=ratio[0],
                    value_ratio=ratio[1],
                    stride=stride,
                    downsample=width == 128,
                    feature_size=(size * stride, size * stride),
                )
                for stride in [2] + [1] * (depth - 1)
            ]
        total += sum(parameter_count(layer) - 9 * width**2 for layer in layers)
    assert total == published


def test_a_larger_map_is_refused_before_any_work() -> None:
    layer = AugmentedConv2d(3, 16, stride=2, feature_size=(7, 8))
    with pytest.raises(ValueError, match=r"8x8.*feature_size=7x8"):
        layer(torch.zeros(1, 3, 8, 8))
    assert AugmentedConv2d(3, 16, positions="sine", feature_size=(7, 8))(torch.zeros(1, 3, 8, 8)).shape[2] == 8


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("kernel_size", {"kernel_size": 4}),
        ("num_heads", {"num_heads": 17}),
        ("num_heads", {"num_heads": 0}),
        ("key_ratio", {"key_ratio": -0.1}),
        ("value_ratio", {"value_ratio": 1.1}),
        ("min_key_dim", {"min_key_dim": -1}),
        ("stride", {"stride": 0}),
        ("positions", {"positions": "absolute"}),
        ("feature_size", {"feature_size": (0, 4)}),
    ],
)
def test_bad_arguments_are_named(name: str, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=name):
        AugmentedConv2d(3, 16, **{"feature_size": (4, 4), **arguments})
