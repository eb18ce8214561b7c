import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_oracles import assert_agree, bounce
from torch.nn import functional as F

from sasa_nas.ops.windows import (
    check_kernel_size,
    reflected_windows,
    reflection_indices,
    window_selection,
    zero_padded_windows,
)

CPU = torch.device("cpu")


@settings(deadline=None, max_examples=30)
@given(size=st.integers(1, 9), radius=st.integers(0, 20))
def test_reflection_bounces_between_the_ends(size: int, radius: int) -> None:
    expected = [bounce(place, size) for place in range(-radius, size + radius)]
    assert reflection_indices(size, radius, device=CPU).tolist() == expected


@settings(deadline=None, max_examples=30)
@given(size=st.integers(2, 9), data=st.data())
def test_reflection_is_that_of_torch_where_torch_has_one(size: int, data: st.DataObject) -> None:
    radius = data.draw(st.integers(0, size - 1))
    axis = torch.arange(size, dtype=torch.float64)[None]
    expected = F.pad(axis, (radius, radius), mode="reflect")[0].long()
    assert torch.equal(reflection_indices(size, radius, device=CPU), expected)


def test_a_single_pixel_is_repeated() -> None:
    windows = reflected_windows(torch.full((1, 1, 1, 1), 5.0), 7)
    assert torch.equal(windows, torch.full((1, 1, 49, 1, 1), 5.0))


def test_reflected_windows_are_torchs_unfold_of_a_padded_map() -> None:
    maps = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    unfolded = F.unfold(F.pad(maps, (2, 2, 2, 2), mode="reflect"), 5).view(2, 3, 25, 5, 4)
    assert torch.equal(reflected_windows(maps, 5), unfolded)


@pytest.mark.parametrize("size", [(8, 8), (13, 5), (65, 1), (2, 33), (9, 8)], ids=str)
@pytest.mark.parametrize("kernel_size", [1, 3, 7])
def test_reflected_windows_on_both_sides_of_the_switch(size: tuple[int, int], kernel_size: int) -> None:
    height, width = size
    maps = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    offsets = range(-(kernel_size // 2), kernel_size // 2 + 1)
    # whole shifted maps, by indices alone
    shifted = [
        maps[:, :, [bounce(y + dy, height) for y in range(height)]][..., [bounce(x + dx, width) for x in range(width)]]
        for dy in offsets
        for dx in offsets
    ]
    assert_agree(reflected_windows(maps, kernel_size), torch.stack(shifted, 2), [maps])


@settings(deadline=None, max_examples=20)
@given(height=st.integers(1, 6), width=st.integers(1, 6), kernel_size=st.sampled_from([1, 3, 5]))
def test_a_selection_points_at_one_pixel_for_each_place(height: int, width: int, kernel_size: int) -> None:
    selection = window_selection(height, width, kernel_size, like=torch.zeros(1))
    assert selection.shape == (kernel_size**2, height * width, height * width)
    radius = kernel_size // 2
    for y in range(height):
        for x in range(width):
            for place in range(kernel_size**2):
                dy, dx = place // kernel_size - radius, place % kernel_size - radius
                shown = bounce(y + dy, height) * width + bounce(x + dx, width)
                row = selection[place, y * width + x]
                assert row.sum() == row[shown] == 1


def test_half_precision_selects_without_rounding() -> None:
    maps = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert torch.equal(reflected_windows(maps, 3)[:, :, 4], maps)


def test_zero_padded_windows_are_torchs_unfold() -> None:
    maps = torch.randn(2, 4, 5, 1, 3, generator=torch.Generator().manual_seed(0))
    channels_first = maps.squeeze(3).permute(0, 3, 1, 2)
    unfolded = F.unfold(channels_first, 3, padding=1).view(2, 3, 3, 3, 4, 5).permute(0, 4, 5, 1, 2, 3)
    assert torch.equal(zero_padded_windows(maps, 3).squeeze(3), unfolded)


@pytest.mark.parametrize("kernel_size", [0, -1, 2, 8])
def test_a_window_needs_a_centre(kernel_size: int) -> None:
    with pytest.raises(ValueError, match=f"kernel_size.*{kernel_size}"):
        check_kernel_size(kernel_size)


def test_odd_windows_have_one() -> None:
    for kernel_size in (1, 3, 19):
        check_kernel_size(kernel_size)
