import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_oracles import SIZES, assert_gradients_reach, averages, image, map_attention, scrambled

from sasa_nas.operators.global_attention.layer import GlobalAttention2d, GlobalPositions

POSITIONS: list[GlobalPositions] = ["none", "relative"]


@torch.no_grad()
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("positions", POSITIONS)
def test_agrees_with_loops(positions: GlobalPositions, stride: int) -> None:
    layer = scrambled(GlobalAttention2d(3, 6, num_heads=2, positions=positions, stride=stride, feature_size=(3, 4)))
    for size in ((3, 4), (3, 2)):
        x = image(1, 3, *size)
        expected = averages(map_attention(layer.attention, x), stride=stride, side=stride, before=0)
        torch.testing.assert_close(layer(x), expected, rtol=1e-10, atol=1e-12)


def test_projections_have_biases_and_the_tables_the_maps_size() -> None:
    shapes = {
        name: tuple(p.shape) for name, p in GlobalAttention2d(3, 6, num_heads=2, feature_size=(3, 4)).named_parameters()
    }
    assert shapes.pop("attention.rel_rows") == (5, 3)
    assert shapes.pop("attention.rel_cols") == (7, 3)
    inputs = {"query": 3, "key": 3, "value": 3, "projection": 6}
    assert shapes == {f"attention.{name}.weight": (6, c, 1, 1) for name, c in inputs.items()} | {
        f"attention.{name}.bias": (6,) for name in inputs
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("positions", POSITIONS)
def test_gradients_reach_every_parameter(positions: GlobalPositions, size: tuple[int, int]) -> None:
    layer = GlobalAttention2d(3, 6, num_heads=2, positions=positions, feature_size=size)
    # A key's bias moves all logits of a query alike, which the softmax takes out.
    assert_gradients_reach(scrambled(layer), image(2, 3, *size), but=("attention.key.bias",))


@torch.no_grad()
@settings(deadline=None, max_examples=15)
@given(
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    stride=st.sampled_from([1, 2]),
    positions=st.sampled_from(POSITIONS),
)
def test_output_shape(size: tuple[int, int], stride: int, positions: GlobalPositions) -> None:
    layer = GlobalAttention2d(3, 8, num_heads=4, positions=positions, stride=stride, feature_size=(7, 7))
    assert layer(torch.randn(2, 3, *size)).shape == (
        2,
        8,
        math.ceil(size[0] / stride),
        math.ceil(size[1] / stride),
    )


def test_a_larger_map_is_refused() -> None:
    with pytest.raises(ValueError, match=r"4x4.*3x4"):
        GlobalAttention2d(3, 8, feature_size=(3, 4))(torch.zeros(1, 3, 4, 4))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("num_heads", {"num_heads": 3}), ("positions", {"positions": "sine"}), ("stride", {"stride": 0})],
)
def test_bad_arguments_are_named(name: str, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=name):
        GlobalAttention2d(3, 8, feature_size=(3, 3), **arguments)
