import math
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_oracles import (
    SIZES,
    assert_gradients_reach,
    attend,
    batch_norm,
    image,
    map_like,
    parameter_count,
    pixels,
    pointwise,
    scrambled,
)
from torch import Tensor

from sasa_nas.stems.attention.layer import AttentionStem, StemValues

VALUES: tuple[StemValues, ...] = get_args(StemValues)


def values_by_loops(layer: AttentionStem, image: Tensor) -> Tensor:
    _, _, height, width = image.shape
    side = layer.kernel_size

    def convolved(b: int, y: int, x: int) -> Tensor:
        assert layer.value is not None
        out = torch.zeros(layer.out_channels, dtype=torch.float64)
        for i in range(side):
            for j in range(side):
                from_y, from_x = y + i - (side - 1) // 2, x + j - (side - 1) // 2
                if 0 <= from_y < height and 0 <= from_x < width:
                    out += layer.value.weight[:, :, i, j] @ image[b, :, from_y, from_x]
        return out

    def mixed(b: int, y: int, x: int) -> Tensor:
        place = layer.emb_row[y % side] + layer.emb_col[x % side]
        logits = [place.dot(nu) for nu in layer.nu]
        projected = [matrix.T @ image[b, :, y, x] for matrix in layer.value_mixture]
        return attend(logits, projected)

    if layer.values == "plain":
        assert layer.value is not None
        return pointwise(layer.value, image)
    return map_like(image, layer.out_channels, convolved if layer.values == "conv_values" else mixed)


def by_loops(layer: AttentionStem, image: Tensor) -> Tensor:
    _, _, height, width = image.shape
    side, depth = layer.kernel_size, layer.out_channels // layer.num_heads
    query, key = pointwise(layer.query, image), pointwise(layer.key, image)
    value = values_by_loops(layer, image)

    def pixel(b: int, y: int, x: int) -> Tensor:
        rows = range(y // side * side, min((y // side + 1) * side, height))
        cols = range(x // side * side, min((x // side + 1) * side, width))
        heads = []
        for n in range(layer.num_heads):
            part = slice(n * depth, (n + 1) * depth)
            logits = [query[b, part, y, x].dot(key[b, part, i, j]) for i in rows for j in cols]
            heads.append(attend(logits, [value[b, part, i, j] for i in rows for j in cols]))
        return torch.cat(heads)

    out = batch_norm(layer.norm, map_like(image, layer.out_channels, pixel))
    if not layer.pool:
        return out
    pooled = torch.empty(len(out), layer.out_channels, -(-height // side), -(-width // side), dtype=torch.float64)
    for b, y, x in pixels(pooled):
        block = out[b, :, y * side : (y + 1) * side, x * side : (x + 1) * side]
        pooled[b, :, y, x] = block.flatten(1).max(1).values
    return pooled


def build(values: StemValues, *, kernel_size: int = 2, pool: bool = True) -> AttentionStem:
    return scrambled(
        AttentionStem(3, 4, kernel_size=kernel_size, num_heads=2, values=values, mixtures=3, embedding_dim=2, pool=pool)
    )


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("kernel_size", "size"), [(2, (4, 2)), (2, (3, 3)), (3, (4, 2)), (4, (5, 4))])
@pytest.mark.parametrize("values", VALUES)
def test_agrees_with_loops(values: StemValues, kernel_size: int, size: tuple[int, int], training: bool) -> None:
    layer = build(values, kernel_size=kernel_size).train(training)
    x = image(1, 3, *size)
    torch.testing.assert_close(layer(x), by_loops(layer, x), rtol=1e-9, atol=1e-11)


@torch.no_grad()
def test_agrees_with_loops_without_the_pool() -> None:
    layer = build("spatially_aware", pool=False)
    x = image(2, 3, 3, 4)
    torch.testing.assert_close(layer(x), by_loops(layer, x), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("values", VALUES)
def test_gradients_reach_every_parameter(values: StemValues, size: tuple[int, int]) -> None:
    assert_gradients_reach(build(values), image(2, 3, *size))


def test_the_published_stem_has_8064_parameters_fewer_than_the_convolution() -> None:
    assert parameter_count(AttentionStem(3, 64)) == 7 * 7 * 3 * 64 + 128 - (18_015_504 - 18_007_440)


@torch.no_grad()
def test_blocks_do_not_see_each_other() -> None:
    layer = build("spatially_aware", pool=False)
    x = image(1, 3, 4, 4)
    changed = x.clone()
    changed[:, :, 2:, 2:] += 1
    differs = (layer(x) != layer(changed)).any(1)[0]
    assert differs[2:, 2:].all()
    assert differs.sum() == 4


@torch.no_grad()
@settings(deadline=None, max_examples=15)
@given(
    size=st.tuples(st.integers(1, 10), st.integers(1, 10)),
    values=st.sampled_from(VALUES),
    pool=st.booleans(),
)
def test_output_shape(size: tuple[int, int], values: StemValues, pool: bool) -> None:
    out = AttentionStem(3, 8, values=values, pool=pool).eval()(torch.randn(2, 3, *size))
    block = 4 if pool else 1
    assert out.shape == (2, 8, math.ceil(size[0] / block), math.ceil(size[1] / block))
    assert out.isfinite().all()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("kernel_size", {"kernel_size": 0}),
        ("num_heads", {"num_heads": 3}),
        ("values", {"values": "patches"}),
        ("mixtures", {"mixtures": 0}),
        ("embedding_dim", {"embedding_dim": 0}),
    ],
)
def test_bad_arguments_are_named(name: str, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=name):
        AttentionStem(3, 16, **arguments)
