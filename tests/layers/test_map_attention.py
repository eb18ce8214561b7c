import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_oracles import assert_gradients_reach, image, map_attention, scrambled

from sasa_nas.layers import MapAttention2d


def build(*, relative: bool, bias: bool) -> MapAttention2d:
    return scrambled(MapAttention2d(3, 6, 4, num_heads=2, relative=relative, bias=bias, feature_size=(3, 4)))


@torch.no_grad()
@pytest.mark.parametrize("size", [(3, 4), (2, 3), (1, 1), (3, 1)])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_agrees_with_loops(relative: bool, bias: bool, size: tuple[int, int]) -> None:
    layer = build(relative=relative, bias=bias)
    x = image(1, 3, *size)
    torch.testing.assert_close(layer(x), map_attention(layer, x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [(3, 3), (3, 4)])
@pytest.mark.parametrize("relative", [False, True])
def test_gradients_reach_every_parameter(relative: bool, size: tuple[int, int]) -> None:
    assert_gradients_reach(build(relative=relative, bias=False), image(2, 3, *size))


@torch.no_grad()
@settings(deadline=None, max_examples=20)
@given(place=st.permutations(range(12)))
def test_without_positions_it_moves_with_the_pixels_in_any_order(place: list[int]) -> None:
    layer = build(relative=False, bias=True)
    x = image(2, 3, 3, 4)
    moved = layer(x.flatten(2)[:, :, place].view(x.shape))
    torch.testing.assert_close(moved.flatten(2), layer(x).flatten(2)[:, :, place])


def test_a_larger_map_is_refused_at_once_only_where_tables_end() -> None:
    with pytest.raises(ValueError, match=r"3x5.*feature_size=3x4"):
        build(relative=True, bias=False)(image(1, 3, 3, 5))
    assert build(relative=False, bias=False)(image(1, 3, 3, 5)).shape == (1, 4, 3, 5)


@pytest.mark.parametrize(
    ("name", "channels", "heads", "size"),
    [
        ("key_channels", (5, 4), 2, (3, 3)),
        ("value_channels", (4, 5), 2, (3, 3)),
        ("value_channels", (4, 0), 2, (3, 3)),
        ("num_heads", (4, 4), 0, (3, 3)),
        ("feature_size", (4, 4), 2, (0, 3)),
    ],
)
def test_bad_arguments_are_named(name: str, channels: tuple[int, int], heads: int, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=name):
        MapAttention2d(3, *channels, num_heads=heads, relative=True, bias=False, feature_size=size)
