import pytest
import torch
from layer_oracles import averages, image, map_attention, scrambled

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
