from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_oracles import assert_agree, global_attention_loops, leaves
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sasa_nas.ops import global_attention, local_attention


class LargestTensor(TorchDispatchMode):
    """Remembers how many elements the largest memory had that any operation returned."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self.elements = max(self.elements, leaf.untyped_storage().nbytes() // leaf.element_size())
        return out


def arguments(size: tuple[int, int], *, relative: bool) -> list[Tensor]:
    """Query, key, value and tables for 2 heads of 3 key and 2 value channels."""
    height, width = size
    tensors = leaves((2, *size, 2, 3), (2, *size, 2, 3), (2, *size, 2, 2), (2 * height - 1, 3), (2 * width - 1, 3))
    return tensors if relative else tensors[:3]


@pytest.mark.parametrize("relative", [False, True])
def test_agrees_with_loops_in_value_and_gradient(relative: bool) -> None:
    inputs = arguments((2, 3), relative=relative)
    tables = inputs[3:] or [None, None]
    expected = global_attention_loops(*inputs[:3], *tables, scale=0.6)
    assert_agree(global_attention(*inputs, scale=0.6), expected, inputs)


@settings(deadline=None, max_examples=8)
@given(height=st.integers(1, 3), width=st.integers(1, 3))
def test_agrees_with_loops_on_any_map(height: int, width: int) -> None:
    inputs = arguments((height, width), relative=True)
    expected = global_attention_loops(*inputs, scale=1.3)
    torch.testing.assert_close(global_attention(*inputs, scale=1.3), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("relative", [False, True])
def test_gradcheck(relative: bool) -> None:
    inputs = [tensor[:1] if tensor.dim() == 5 else tensor for tensor in arguments((2, 2), relative=relative)]
    assert torch.autograd.gradcheck(lambda *tensors: global_attention(*tensors, scale=0.6), inputs)


def test_without_tables_it_is_torchs_attention() -> None:
    query, key, value = arguments((3, 4), relative=False)
    flat = [tensor.flatten(1, 2).transpose(1, 2) for tensor in (query, key, value)]
    expected = F.scaled_dot_product_attention(*flat).transpose(1, 2).reshape(value.shape)
    torch.testing.assert_close(global_attention(query, key, value, scale=3**-0.5), expected)


def test_on_a_square_map_it_is_window_attention_over_twice_the_map() -> None:
    inputs = arguments((3, 3), relative=True)
    torch.testing.assert_close(global_attention(*inputs, scale=0.6), local_attention(*inputs, kernel_size=5, scale=0.6))


@settings(deadline=None, max_examples=20)
@given(place=st.permutations(range(12)))
def test_without_tables_it_moves_with_the_pixels_in_any_order(place: list[int]) -> None:
    def moved(maps: Tensor) -> Tensor:
        return maps.flatten(1, 2)[:, place].view(maps.shape)

    inputs = arguments((3, 4), relative=False)
    expected = moved(global_attention(*inputs, scale=0.6))
    torch.testing.assert_close(global_attention(*map(moved, inputs), scale=0.6), expected)


@pytest.mark.parametrize("size", [(12, 12), (7, 5), (1, 31), (31, 1)])
def test_the_relative_term_holds_nothing_larger_than_twice_logits_or_inputs(size: tuple[int, int]) -> None:
    (height, width), head_dim = size, 64
    shapes = [(1, *size, 2, head_dim)] * 3 + [(2 * height - 1, head_dim), (2 * width - 1, head_dim)]
    inputs = [tensor.detach().float().requires_grad_() for tensor in leaves(*shapes)]
    with LargestTensor() as largest:
        global_attention(*inputs, scale=1.0).sum().backward()
    # An embedding for every pair of pixels, or of places on one axis, would be far above. On a map of one row the
    # offsets of the columns are nearly twice the keys.
    logits = 2 * (height * width) ** 2
    assert largest.elements <= 2 * max(logits, inputs[0].numel())


def test_an_empty_batch_and_the_meta_device() -> None:
    inputs = [tensor[:0] if tensor.dim() == 5 else tensor for tensor in arguments((2, 3), relative=True)]
    assert global_attention(*inputs, scale=1.0).shape == (0, 2, 3, 2, 2)
    out = global_attention(*[tensor.to("meta") for tensor in inputs], scale=1.0)
    assert out.shape == (0, 2, 3, 2, 2)


ONE = torch.zeros(1, 2, 3, 1, 2)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("query", {"query": ONE[0]}),
        ("query", {"query": ONE[:, :0]}),
        ("key", {"key": ONE[:, :1]}),
        ("key", {"key": ONE.double()}),
        ("value", {"value": ONE[:, :1]}),
        ("value", {"value": ONE.to("meta")}),
        ("rel_rows", {"rel_rows": torch.zeros(5, 2)}),
        ("rel_cols", {"rel_cols": torch.zeros(5, 3)}),
        ("rel_cols", {"rel_cols": None}),
        ("rel_rows", {"rel_rows": None}),
    ],
)
def test_bad_arguments_are_named(name: str, changed: dict[str, Tensor | None]) -> None:
    good = {"query": ONE, "key": ONE, "value": ONE, "rel_rows": torch.zeros(3, 2), "rel_cols": torch.zeros(5, 2)}
    global_attention(**good, scale=1.0)
    with pytest.raises(ValueError, match=name):
        global_attention(**{**good, **changed}, scale=1.0)
