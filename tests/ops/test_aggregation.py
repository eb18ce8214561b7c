import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_oracles import aggregate_loops, assert_agree, leaves
from torch.nn import functional as F

from sasa_nas.ops import aggregate
from sasa_nas.ops.windows import is_small_map


def test_agrees_with_loops_in_value_and_gradient() -> None:
    weights, value = leaves((2, 2, 9, 3, 2), (2, 6, 3, 2))
    expected = aggregate_loops(weights, value, kernel_size=3)
    assert_agree(aggregate(weights, value, kernel_size=3), expected, [weights, value])


@pytest.mark.parametrize(("size", "kernel_size"), [((9, 8), 3), ((5, 13), 3), ((66, 1), 3), ((8, 8), 3)])
def test_large_maps_agree_with_loops_in_value_and_gradient(size: tuple[int, int], kernel_size: int) -> None:
    weights, value = leaves((1, 2, kernel_size**2, *size), (1, 4, *size))
    assert is_small_map(*size) == (size == (8, 8)), "maps on either side of the switch between the two forms"
    expected = aggregate_loops(weights, value, kernel_size=kernel_size)
    assert_agree(aggregate(weights, value, kernel_size=kernel_size), expected, [weights, value])


@settings(deadline=None, max_examples=12)
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    kernel_size=st.sampled_from([1, 3, 5]),
    weight_channels=st.sampled_from([1, 2, 4]),
)
def test_on_maps_smaller_than_the_window(size: tuple[int, int], kernel_size: int, weight_channels: int) -> None:
    weights, value = leaves((1, weight_channels, kernel_size**2, *size), (1, 4, *size))
    expected = aggregate_loops(weights, value, kernel_size=kernel_size)
    torch.testing.assert_close(aggregate(weights, value, kernel_size=kernel_size), expected)


def test_constant_weights_are_a_depthwise_convolution() -> None:
    kernel, value = leaves((2, 1, 3, 3), (1, 4, 5, 6))
    weights = kernel.flatten(1)[None, :, :, None, None].expand(1, 2, 9, 5, 6)
    padded = F.pad(value, (1, 1, 1, 1), mode="reflect")
    expected = F.conv2d(padded, kernel.repeat(2, 1, 1, 1), groups=4)
    torch.testing.assert_close(aggregate(weights, value, kernel_size=3), expected)


def test_gradcheck() -> None:
    inputs = leaves((1, 1, 9, 2, 2), (1, 2, 2, 2))
    assert torch.autograd.gradcheck(lambda w, v: aggregate(w, v, kernel_size=3), inputs)


def test_shapes_on_the_meta_device_and_of_an_empty_batch() -> None:
    for batch, device in ((0, "cpu"), (2, "meta")):
        weights = torch.zeros(batch, 2, 49, 5, 2, device=device)
        value = torch.zeros(batch, 4, 5, 2, device=device)
        assert aggregate(weights, value, kernel_size=7).shape == (batch, 4, 5, 2)


@pytest.mark.parametrize("shape", [(1, 2, 9, 3), (2, 2, 9, 3, 3), (1, 3, 9, 3, 3), (1, 2, 8, 3, 3), (1, 2, 9, 3, 2)])
def test_weights_that_do_not_fit_are_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="weights"):
        aggregate(torch.zeros(shape), torch.zeros(1, 4, 3, 3), kernel_size=3)


def test_even_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="kernel_size"):
        aggregate(torch.zeros(1, 2, 4, 3, 3), torch.zeros(1, 4, 3, 3), kernel_size=2)
