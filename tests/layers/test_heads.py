import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_oracles import averages, image

from sasa_nas.layers.heads import merge_heads, split_heads, stride_pool


def test_heads_take_neighbouring_channels_without_a_copy() -> None:
    maps = image(2, 6, 3, 4)
    heads = split_heads(maps, 2)
    assert heads.shape == (2, 3, 4, 2, 3)
    assert torch.equal(heads[1, 2, 0, 1], maps[1, 3:, 2, 0])
    assert heads.data_ptr() == maps.data_ptr()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_merging_undoes_splitting(layout: torch.memory_format) -> None:
    maps = image(2, 6, 3, 4).contiguous(memory_format=layout)
    assert torch.equal(merge_heads(split_heads(maps, 3)), maps)


@settings(deadline=None, max_examples=20)
@given(size=st.tuples(st.integers(1, 7), st.integers(1, 7)), stride=st.integers(1, 3))
def test_strides_average_the_pixels_there_are(size: tuple[int, int], stride: int) -> None:
    maps = image(1, 2, *size)
    expected = averages(maps, stride=stride, side=stride, before=0)
    torch.testing.assert_close(stride_pool(maps, stride), expected)
