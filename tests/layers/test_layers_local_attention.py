import math
from itertools import product

import pytest
import torch
from layer_oracles import (
    SIZES,
    attend,
    averages,
    image,
    map_like,
    parameter_count,
    pointwise,
    scrambled,
    sine,
)
from torch import Tensor
from torch.nn import functional as F

from sasa_nas.operators.local_attention.layer import Interactions, LocalAttention2d, LocalPositions
from sasa_nas.ops import WindowPadding

OPTIONS: list[tuple[LocalPositions, Interactions]] = [
    ("none", "content"),
    ("none", "both"),
    ("absolute", "content"),
    ("absolute", "both"),
    ("relative", "content"),
    ("relative", "relative"),
    ("relative", "both"),
]
PADDINGS: list[WindowPadding] = ["mask", "zeros"]


def by_loops(layer: LocalAttention2d, x: Tensor) -> Tensor:
    _, _, height, width = x.shape
    if layer.positions == "absolute":
        x = x + sine(x.shape[1], height, width)
    query, value = pointwise(layer.query, x), pointwise(layer.value, x)
    key = pointwise(layer.key, x) if layer.key is not None else torch.zeros_like(query)
    depth = layer.out_channels // layer.num_heads
    radius = layer.kernel_size // 2
    offsets = list(product(range(-radius, radius + 1), repeat=2))

    def head(b: int, y: int, x: int, n: int) -> Tensor:
        part = slice(n * depth, (n + 1) * depth)
        logits, values = [], []
        for dy, dx in offsets:
            inside = 0 <= y + dy < height and 0 <= x + dx < width
            if not inside and layer.padding == "mask":
                continue
            logit = torch.zeros((), dtype=torch.float64)
            if inside and layer.interactions != "relative":
                logit = logit + query[b, part, y, x].dot(key[b, part, y + dy, x + dx])
            if layer.positions == "relative" and layer.interactions != "content":
                assert layer.rel_rows is not None
                assert layer.rel_cols is not None
                r = torch.cat([layer.rel_rows[dy + radius], layer.rel_cols[dx + radius]])
                logit = logit + query[b, part, y, x].dot(r)
            logits.append(logit)
            values.append(value[b, part, y + dy, x + dx] if inside else torch.zeros(depth, dtype=torch.float64))
        return attend(logits, values)

    out = map_like(
        query,
        layer.out_channels,
        lambda b, y, x: torch.cat([head(b, y, x, n) for n in range(layer.num_heads)]),
    )
    return averages(out, stride=layer.stride, side=layer.stride, before=0)


@torch.no_grad()
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("positions", "interactions"), OPTIONS)
def test_agrees_with_loops(positions: LocalPositions, interactions: Interactions, padding: WindowPadding) -> None:
    layer = LocalAttention2d(
        3, 8, kernel_size=3, num_heads=2, positions=positions, interactions=interactions, padding=padding
    )
    x = image(2, 3, 3, 2)
    torch.testing.assert_close(scrambled(layer)(x), by_loops(layer, x), rtol=1e-10, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize("size", [(3, 3), (4, 2), (1, 1)])
def test_a_stride_averages_what_attention_yields(size: tuple[int, int]) -> None:
    layer = scrambled(LocalAttention2d(3, 4, kernel_size=3, num_heads=2, stride=2))
    x = image(1, 3, *size)
    torch.testing.assert_close(layer(x), by_loops(layer, x), rtol=1e-10, atol=1e-12)


def test_relative_interactions_have_no_key() -> None:
    layer = LocalAttention2d(16, 16, interactions="relative")
    assert layer.key is None
    assert set(layer.state_dict()) == {"query.weight", "value.weight", "rel_rows", "rel_cols"}


def test_tables_exist_where_they_are_used() -> None:
    for positions, interactions in OPTIONS:
        layer = LocalAttention2d(16, 16, positions=positions, interactions=interactions)
        used = positions == "relative" and interactions != "content"
        assert ("rel_rows" in layer.state_dict()) == used


@torch.no_grad()
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("positions", "interactions"), OPTIONS)
def test_a_window_of_one_pixel_returns_its_values(
    positions: LocalPositions, interactions: Interactions, padding: WindowPadding
) -> None:
    layer = LocalAttention2d(
        3, 8, kernel_size=1, num_heads=2, positions=positions, interactions=interactions, padding=padding
    )
    x = image(2, 3, 4, 5)
    seen = x + sine(3, 4, 5) if positions == "absolute" else x
    torch.testing.assert_close(scrambled(layer)(x), pointwise(layer.value, seen))


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES)
def test_a_window_over_the_whole_map_is_torchs_attention(size: tuple[int, int]) -> None:
    layer = scrambled(LocalAttention2d(3, 8, kernel_size=2 * max(size) - 1, num_heads=2, positions="none"))
    assert layer.key is not None
    x = image(2, 3, *size)
    query, key, value = (
        pointwise(projection, x).view(2, 2, 4, -1).transpose(2, 3)
        for projection in (layer.query, layer.key, layer.value)
    )
    expected = F.scaled_dot_product_attention(query, key, value, scale=1.0).transpose(2, 3)
    torch.testing.assert_close(layer(x), expected.reshape(2, 8, *size))


@torch.no_grad()
def test_moves_with_the_image_away_from_the_edges() -> None:
    layer = scrambled(LocalAttention2d(3, 8, kernel_size=3, num_heads=2))
    x = image(1, 3, 8, 8)
    moved = layer(x.roll((2, 1), dims=(2, 3)))
    torch.testing.assert_close(moved[:, :, 3:7, 2:7], layer(x)[:, :, 1:5, 1:6])


def test_embeddings_start_as_wide_as_a_heads_inverse_root() -> None:
    torch.manual_seed(0)
    layer = LocalAttention2d(8, 512, kernel_size=19, num_heads=8)
    assert layer.rel_rows is not None
    assert layer.rel_rows.shape == (19, 32)
    assert layer.rel_rows.std().item() == pytest.approx(1 / math.sqrt(64), rel=0.1)


@pytest.mark.parametrize(
    ("depths", "convolutional", "published"),
    [((1, 2, 4, 1), 13_696_552, 10_331_264), ((3, 4, 6, 3), 25_557_032, 18_015_504)],
)
def test_published_parameter_counts(depths: tuple[int, ...], convolutional: int, published: int) -> None:
    saved = 0
    for width, depth in zip((64, 128, 256, 512), depths, strict=True):
        with torch.device("meta"):
            saved += depth * (9 * width**2 - parameter_count(LocalAttention2d(width, width)))
    assert convolutional - saved == published


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("kernel_size", {"kernel_size": 2}),
        ("num_heads", {"num_heads": 3}),
        ("num_heads", {"num_heads": 16}),
        ("num_heads", {"num_heads": 0}),
        ("stride", {"stride": 0}),
        ("positions", {"positions": "sine"}),
        ("interactions", {"interactions": "none"}),
        ("interactions", {"interactions": "relative", "positions": "none"}),
        ("padding", {"padding": "reflect"}),
    ],
)
def test_bad_arguments_are_named(name: str, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=name):
        LocalAttention2d(3, 16, **arguments)
