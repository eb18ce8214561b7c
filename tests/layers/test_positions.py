import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_oracles import coordinates, sine

from sasa_nas.layers.positions import (
    central_slice,
    check_map_size,
    pixel_coordinates,
    relative_table,
    sine_encoding,
)


@settings(deadline=None, max_examples=20)
@given(channels=st.integers(1, 9), height=st.integers(1, 5), width=st.integers(1, 5))
def test_sine_encoding_is_its_formula(channels: int, height: int, width: int) -> None:
    like = torch.empty(2, channels, height, width, dtype=torch.float64)
    torch.testing.assert_close(sine_encoding(like)[0], sine(channels, height, width))


def test_sine_encoding_tells_all_places_apart_in_half_precision() -> None:
    encoding = sine_encoding(torch.empty(1, 16, 20, 20, dtype=torch.bfloat16))
    assert encoding.dtype == torch.bfloat16
    assert encoding.flatten(2)[0].T.unique(dim=0).shape[0] == 400


@settings(deadline=None, max_examples=20)
@given(height=st.integers(1, 6), width=st.integers(1, 6))
def test_coordinates_run_from_minus_one_to_one(height: int, width: int) -> None:
    like = torch.empty(2, 3, height, width, dtype=torch.float64)
    torch.testing.assert_close(pixel_coordinates(like)[0], coordinates(height, width))


def test_the_central_slice_keeps_offsets() -> None:
    offsets = torch.arange(-4, 5)[:, None]
    assert central_slice(offsets, 5).flatten().tolist() == list(range(-4, 5))
    assert central_slice(offsets, 3).flatten().tolist() == [-2, -1, 0, 1, 2]
    assert central_slice(offsets, 1).flatten().tolist() == [0]


def test_relative_tables_are_drawn_from_the_papers_normal() -> None:
    torch.manual_seed(0)
    table = relative_table(50, 100, 25)
    assert table.shape == (50, 100)
    assert table.requires_grad
    assert table.std().item() == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("size", [(4, 5), (3, 6)])
def test_larger_maps_are_refused_by_both_sizes(size: tuple[int, int]) -> None:
    check_map_size(torch.empty(1, 1, 3, 5), (3, 5))
    with pytest.raises(ValueError, match=rf"{size[0]}x{size[1]}.*feature_size=3x5"):
        check_map_size(torch.empty(1, 1, *size), (3, 5))
