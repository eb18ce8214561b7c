"""Building blocks of loop-by-loop layers in float64, and ways to put a layer into a testable state."""

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import TypeVar

import torch
from torch import Tensor, nn

from sasa_nas.layers import MapAttention2d
from sasa_nas.layers.shortcut import PaddedShortcut, Shortcut

Layer = TypeVar("Layer", bound=nn.Module)

SIZES = [(4, 4), (3, 5)]
"""A square map and one that is not."""


def scrambled(layer: Layer, *, seed: int = 0) -> Layer:
    """The layer in float64 and eval mode, every parameter and running statistic drawn anew."""
    generator = torch.Generator().manual_seed(seed)
    layer.double().eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64, generator=generator) * 0.6)
        for module in layer.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.uniform_(-0.5, 0.5, generator=generator)
                module.running_var.uniform_(0.5, 2.0, generator=generator)
    return layer


def awake(layer: Layer) -> Layer:
    """The scrambled layer, its batch norms spread so that some ReLUs behind them are open, some open at times."""
    with torch.no_grad():
        for module in scrambled(layer).modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias.copy_(torch.linspace(-0.2, 1.0, len(module.bias)))
    return layer


def image(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def pixels(maps: Tensor) -> Iterator[tuple[int, int, int]]:
    """All (b, y, x) of a (B, C, H, W) map."""
    return product(range(maps.shape[0]), range(maps.shape[2]), range(maps.shape[3]))


def map_like(maps: Tensor, channels: int, pixel: Callable[[int, int, int], Tensor]) -> Tensor:
    """A map of the size of `maps` whose pixels `pixel(b, y, x)` yields."""
    out = torch.full((maps.shape[0], channels, *maps.shape[2:]), math.nan, dtype=torch.float64)
    for b, y, x in pixels(maps):
        out[b, :, y, x] = pixel(b, y, x)
    return out


def pointwise(conv: nn.Conv2d, maps: Tensor) -> Tensor:
    """A 1x1 convolution, one matrix-vector product a pixel."""
    assert conv.kernel_size == (1, 1)
    bias = 0.0 if conv.bias is None else conv.bias
    matrix = conv.weight[:, :, 0, 0]
    return map_like(maps, conv.out_channels, lambda b, y, x: matrix @ maps[b, :, y, x] + bias)


def batch_norm(norm: nn.BatchNorm2d, maps: Tensor) -> Tensor:
    """Batch norm from its formula, with the batch's statistics in train mode."""
    columns = maps.transpose(0, 1).reshape(maps.shape[1], -1)
    mean, var = norm.running_mean, norm.running_var
    if norm.training:
        mean = columns.mean(1)
        var = (columns - mean[:, None]).square().mean(1)
    assert mean is not None
    assert var is not None
    out = (columns - mean[:, None]) / (var[:, None] + norm.eps).sqrt() * norm.weight[:, None] + norm.bias[:, None]
    return out.reshape(maps.transpose(0, 1).shape).transpose(0, 1)


def activated(norm: nn.BatchNorm2d, maps: Tensor) -> Tensor:
    """Batch norm, then ReLU."""
    return batch_norm(norm, maps).clamp(min=0)


def sigmoid(logits: Tensor) -> Tensor:
    return 1 / (1 + (-logits).exp())


def gathered(maps: Tensor) -> Tensor:
    """Each channel times the sigmoid of its mean: what `GatherExcite` should do."""
    return maps * sigmoid(maps.sum((2, 3), keepdim=True) / maps[0, 0].numel())


def around(shortcut: Shortcut | PaddedShortcut, maps: Tensor) -> Tensor:
    """What leads around a block."""
    stride = shortcut.stride
    if isinstance(shortcut, PaddedShortcut):
        pooled = averages(maps, stride=stride, side=stride, before=0)
        out = torch.zeros(len(maps), shortcut.out_channels, *pooled.shape[2:], dtype=torch.float64)
        before = (shortcut.out_channels - shortcut.in_channels) // 2
        out[:, before : before + shortcut.in_channels] = pooled
        return out
    for layer in shortcut:
        if isinstance(layer, nn.Conv2d):
            maps = pointwise(layer, maps[:, :, ::stride, ::stride])
        else:
            assert isinstance(layer, nn.BatchNorm2d)
            maps = batch_norm(layer, maps)
    return maps


def mapping(gamma: nn.Sequential, maps: Tensor) -> Tensor:
    """Batch norm, ReLU, 1x1, over and over."""
    for norm, _, conv in zip(gamma[::3], gamma[1::3], gamma[2::3], strict=True):
        maps = pointwise(conv, activated(norm, maps))
    return maps


def attend(logits: list[Tensor], values: list[Tensor]) -> Tensor:
    """Softmax of scalars, then the weighted sum of vectors."""
    exponentials = [logit.exp() for logit in logits]
    total = sum(exponentials[1:], exponentials[0])
    return torch.stack([e / total * v for e, v in zip(exponentials, values, strict=True)]).sum(0)


def bounce(place: int, size: int) -> int:
    """Walks a place back into [0, size) by reflecting it at either end until it is inside."""
    if size == 1:
        return 0
    while not 0 <= place < size:
        place = -place if place < 0 else 2 * (size - 1) - place
    return place


def reflected(maps: Tensor, b: int, y: int, x: int, kernel_size: int) -> list[Tensor]:
    """The channel vectors of the reflected window around a pixel, row by row."""
    height, width = maps.shape[2:]
    offsets = range(-(kernel_size // 2), kernel_size // 2 + 1)
    return [maps[b, :, bounce(y + dy, height), bounce(x + dx, width)] for dy in offsets for dx in offsets]


def averages(maps: Tensor, *, stride: int, side: int, before: int) -> Tensor:
    """Averages of the pixels there are in `side` x `side` blocks that begin `before` pixels early."""
    batch, channels, height, width = maps.shape
    out = torch.empty(batch, channels, -(-height // stride), -(-width // stride), dtype=torch.float64)
    for b, y, x in pixels(out):
        rows = range(max(y * stride - before, 0), min(y * stride - before + side, height))
        cols = range(max(x * stride - before, 0), min(x * stride - before + side, width))
        out[b, :, y, x] = torch.stack([maps[b, :, i, j] for i in rows for j in cols]).mean(0)
    return out


def sine(channels: int, height: int, width: int) -> Tensor:
    """The sinusoidal encoding, number by number."""
    half = (channels + 1) // 2
    out = torch.empty(channels, height, width, dtype=torch.float64)
    for c, y, x in product(range(channels), range(height), range(width)):
        place, index, count = (y, c, half) if c < half else (x, c - half, channels - half)
        angle = place / 10000 ** (2 * (index // 2) / count)
        out[c, y, x] = math.cos(angle) if index % 2 else math.sin(angle)
    return out


def coordinates(height: int, width: int) -> Tensor:
    """x, then y, in [-1, 1]: `(2, H, W)`."""
    out = torch.empty(2, height, width, dtype=torch.float64)
    for y, x in product(range(height), range(width)):
        out[0, y, x] = 2 * x / (width - 1) - 1 if width > 1 else 0
        out[1, y, x] = 2 * y / (height - 1) - 1 if height > 1 else 0
    return out


def map_attention(layer: MapAttention2d, maps: Tensor) -> Tensor:
    """Whole-map attention, one pair of pixels at a time, from the layer's own parameters."""
    query, key, value = (pointwise(conv, maps) for conv in (layer.query, layer.key, layer.value))
    heads, depth = layer.num_heads, layer.key_channels // layer.num_heads
    width = layer.value_channels // heads

    def pixel(b: int, iy: int, ix: int) -> Tensor:
        parts = []
        for n in range(heads):
            logits, values = [], []
            for _, jy, jx in pixels(maps[:1]):
                k = key[b, n * depth : (n + 1) * depth, jy, jx]
                if layer.rel_rows is not None and layer.rel_cols is not None:
                    k = k + layer.rel_rows[jy - iy + (len(layer.rel_rows) - 1) // 2]
                    k = k + layer.rel_cols[jx - ix + (len(layer.rel_cols) - 1) // 2]
                logits.append(query[b, n * depth : (n + 1) * depth, iy, ix].dot(k) / math.sqrt(depth))
                values.append(value[b, n * width : (n + 1) * width, jy, jx])
            parts.append(attend(logits, values))
        return torch.cat(parts)

    return pointwise(layer.projection, map_like(maps, layer.value_channels, pixel))


def assert_gradients_reach(layer: nn.Module, x: Tensor, *, but: tuple[str, ...] = ()) -> None:
    """Every parameter but those named gets a gradient that is not zero; those named get a zero."""
    out = layer(x)
    weight = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(3))
    (out * weight).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        size = parameter.grad.abs().max().item()
        assert size < 1e-12 if name in but else size > 1e-8, (name, size)


def parameter_count(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())
