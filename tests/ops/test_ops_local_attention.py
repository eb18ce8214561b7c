import functools
import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_oracles import assert_agree, leaves, local_attention_loops
from torch import Tensor
from torch.nn import functional as F

from sasa_nas.ops import WindowPadding
from sasa_nas.ops import local_attention as dispatched
from sasa_nas.ops.local_attention.dense import dense_local_attention
from sasa_nas.ops.local_attention.naive import local_attention as naive_local_attention

Form = Callable[..., Tensor]
FORMS: dict[str, Form] = {
    "naive": naive_local_attention,
    "dense": dense_local_attention,
    "slices": functools.partial(dispatched, backend="slices"),
    "dispatched": dispatched,
}
pytestmark = pytest.mark.parametrize("local_attention", FORMS.values(), ids=FORMS.keys())

PADDINGS: list[WindowPadding] = ["mask", "zeros"]
TERMS = ["content", "relative", "both"]


def arguments(terms: str, size: tuple[int, int], kernel_size: int, *, per_head: bool = False) -> list[Tensor | None]:
    """Query, key, value and tables for 2 heads of 2 key and 3 value channels."""
    table = (2, kernel_size, 2) if per_head else (kernel_size, 2)
    query, key, value, rows, cols = leaves((1, *size, 2, 2), (1, *size, 2, 2), (1, *size, 2, 3), table, table)
    relative = terms != "content"
    return [
        query,
        key if terms != "relative" else None,
        value,
        rows if relative else None,
        cols if relative else None,
    ]


@pytest.mark.parametrize(("terms", "padding"), list(itertools.product(TERMS, PADDINGS)))
def test_agrees_with_loops_in_value_and_gradient(local_attention: Form, terms: str, padding: WindowPadding) -> None:
    inputs = arguments(terms, (3, 2), 3)
    actual = local_attention(*inputs, kernel_size=3, scale=0.7, padding=padding)
    expected = local_attention_loops(*inputs, kernel_size=3, scale=0.7, padding=padding)
    assert_agree(actual, expected, [tensor for tensor in inputs if tensor is not None])


@pytest.mark.parametrize(("stride", "padding"), list(itertools.product([2, 3], PADDINGS)))
def test_a_stride_leaves_out_queries(local_attention: Form, stride: int, padding: WindowPadding) -> None:
    inputs = arguments("both", (4, 3), 3)
    actual = local_attention(*inputs, kernel_size=3, stride=stride, padding=padding)
    expected = local_attention_loops(*inputs, kernel_size=3, scale=1.0, padding=padding)[:, ::stride, ::stride]
    assert_agree(actual, expected, inputs)


@pytest.mark.parametrize("padding", PADDINGS)
def test_tables_may_differ_by_head(local_attention: Form, padding: WindowPadding) -> None:
    inputs = arguments("both", (2, 3), 3, per_head=True)
    actual = local_attention(*inputs, kernel_size=3, padding=padding)
    assert_agree(actual, local_attention_loops(*inputs, kernel_size=3, scale=1.0, padding=padding), inputs)


@settings(deadline=None, max_examples=10)
@given(
    height=st.integers(1, 3),
    width=st.integers(1, 3),
    kernel_size=st.sampled_from([1, 3, 5]),
    padding=st.sampled_from(PADDINGS),
    terms=st.sampled_from(TERMS),
)
def test_agrees_with_loops_where_windows_exceed_the_map(
    local_attention: Form, height: int, width: int, kernel_size: int, padding: WindowPadding, terms: str
) -> None:
    inputs = arguments(terms, (height, width), kernel_size)
    expected = local_attention_loops(*inputs, kernel_size=kernel_size, scale=1.0, padding=padding)
    actual = local_attention(*inputs, kernel_size=kernel_size, padding=padding)
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("terms", "padding"), list(itertools.product(TERMS, PADDINGS)))
def test_gradcheck(local_attention: Form, terms: str, padding: WindowPadding) -> None:
    inputs = arguments(terms, (2, 2), 3)
    assert torch.autograd.gradcheck(lambda *tensors: local_attention(*tensors, kernel_size=3, padding=padding), inputs)


def test_a_window_over_the_whole_map_is_torchs_attention(local_attention: Form) -> None:
    query, key, value = leaves((2, 4, 3, 2, 5), (2, 4, 3, 2, 5), (2, 4, 3, 2, 5))
    flat = [tensor.flatten(1, 2).transpose(1, 2) for tensor in (query, key, value)]
    expected = F.scaled_dot_product_attention(*flat, scale=0.5).transpose(1, 2).view(2, 4, 3, 2, 5)
    torch.testing.assert_close(local_attention(query, key, value, kernel_size=7, scale=0.5), expected)


def test_a_window_of_one_pixel_returns_the_values(local_attention: Form) -> None:
    query, key, value, table = leaves((2, 3, 4, 2, 2), (2, 3, 4, 2, 2), (2, 3, 4, 2, 3), (1, 2))
    torch.testing.assert_close(local_attention(query, key, value, table, table, kernel_size=1), value)


def test_moves_with_the_image_away_from_the_edges(local_attention: Form) -> None:
    query, key, value, rows, cols = leaves((1, 9, 9, 1, 4), (1, 9, 9, 1, 4), (1, 9, 9, 1, 4), (5, 4), (5, 4))
    moved = [tensor.roll((1, 2), dims=(1, 2)) for tensor in (query, key, value)]
    still = local_attention(query, key, value, rows, cols, kernel_size=5)
    after = local_attention(*moved, rows, cols, kernel_size=5)
    torch.testing.assert_close(after[:, 3:7, 4:7], still[:, 2:6, 2:5])


def test_padding_matters_at_the_edge_alone(local_attention: Form) -> None:
    query, key, value = leaves((1, 5, 5, 1, 2), (1, 5, 5, 1, 2), (1, 5, 5, 1, 2))
    mask, zeros = (local_attention(query, key, value, kernel_size=3, padding=p) for p in PADDINGS)
    differs = (~torch.isclose(mask, zeros, rtol=0, atol=1e-12)).any(-1).squeeze()
    assert not differs[1:-1, 1:-1].any()
    assert differs.sum() == 16


@pytest.mark.parametrize("padding", PADDINGS)
def test_an_empty_batch_and_the_meta_device(local_attention: Form, padding: WindowPadding) -> None:
    query, value, table = leaves((0, 2, 3, 2, 4), (0, 2, 3, 2, 5), (3, 4))
    assert local_attention(query, None, value, table, table, kernel_size=3, padding=padding).shape == value.shape
    query, value, table = (tensor.to("meta") for tensor in (query, value, table))
    out = local_attention(query, query, value, table, table, kernel_size=3, padding=padding)
    assert out.shape == value.shape
    assert out.device.type == "meta"


def test_takes_strided_views(local_attention: Form) -> None:
    query, key, value = leaves((2, 3, 4, 6), (2, 3, 4, 6), (2, 3, 4, 6))
    views = [tensor.transpose(1, 3).unsqueeze(3) for tensor in (query, key, value)]
    copies = [view.contiguous() for view in views]
    torch.testing.assert_close(local_attention(*views, kernel_size=3), local_attention(*copies, kernel_size=3))


ONE = torch.zeros(1, 2, 2, 1, 2)
TABLE = torch.zeros(3, 2)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("kernel_size", {"kernel_size": 4}),
        ("kernel_size", {"kernel_size": 0}),
        ("stride", {"stride": 0}),
        ("padding", {"padding": "clamp"}),
        ("query", {"query": ONE[0]}),
        ("query", {"query": ONE[..., :0]}),
        ("key", {"key": ONE[:, :1]}),
        ("key", {"key": ONE.double()}),
        ("key", {"key": ONE.to("meta")}),
        ("value", {"value": ONE[:, :, :1]}),
        ("value", {"value": ONE.half()}),
        ("rel_rows", {"rel_rows": TABLE[:2]}),
        ("rel_cols", {"rel_cols": TABLE[:, :1]}),
        ("rel_cols", {"rel_cols": TABLE.double()}),
        ("rel_cols", {"rel_cols": None}),
        ("rel_rows", {"key": None, "rel_rows": None, "rel_cols": None}),
    ],
)
def test_bad_arguments_are_named(
    local_attention: Form, name: str, changed: dict[str, Tensor | int | str | None]
) -> None:
    good = {"query": ONE, "key": ONE, "value": ONE, "rel_rows": TABLE, "rel_cols": TABLE, "kernel_size": 3}
    local_attention(**good)
    with pytest.raises(ValueError, match=name):
        local_attention(**{**good, **changed})
