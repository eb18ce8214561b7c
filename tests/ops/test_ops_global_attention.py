import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_oracles import assert_agree, global_attention_loops, leaves
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sasa_nas.ops import global_attention as dispatched
from sasa_nas.ops import local_attention
from sasa_nas.ops.global_attention import blocks
from sasa_nas.ops.global_attention.blocks import blocks_backward, blocks_forward
from sasa_nas.ops.global_attention.forms import run_backward, run_forward
from sasa_nas.ops.global_attention.fused import fused_backward, fused_forward
from sasa_nas.ops.global_attention.naive import global_attention as naive_global_attention
from sasa_nas.ops.global_attention.problem import GlobalProblem

Form = Callable[..., Tensor]
FORMS: dict[str, Form] = {
    "naive": naive_global_attention,
    "fused": functools.partial(dispatched, backend="fused"),
    "blocks": functools.partial(dispatched, backend="blocks"),
    "dispatched": dispatched,
}


@pytest.fixture(params=FORMS.values(), ids=FORMS.keys())
def global_attention(request: pytest.FixtureRequest) -> Form:
    form: Form = request.param
    return form


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of three rows or one head, so that a small map takes several."""
    monkeypatch.setitem(blocks.BLOCK_PAIRS, "cpu", 36)


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


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("size", [(2, 3), (4, 1), (1, 1)])
@pytest.mark.parametrize("relative", [False, True])
def test_agrees_with_loops_in_value_and_gradient(global_attention: Form, relative: bool, size: tuple[int, int]) -> None:
    inputs = arguments(size, relative=relative)
    tables = inputs[3:] or [None, None]
    expected = global_attention_loops(*inputs[:3], *tables, scale=0.6)
    assert_agree(global_attention(*inputs, scale=0.6), expected, inputs)


@settings(deadline=None, max_examples=8)
@given(height=st.integers(1, 3), width=st.integers(1, 3), form=st.sampled_from(sorted(FORMS)))
def test_agrees_with_loops_on_any_map(height: int, width: int, form: str) -> None:
    inputs = arguments((height, width), relative=True)
    expected = global_attention_loops(*inputs, scale=1.3)
    torch.testing.assert_close(FORMS[form](*inputs, scale=1.3), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("relative", [False, True])
def test_gradcheck(global_attention: Form, relative: bool) -> None:
    inputs = [tensor[:1] if tensor.dim() == 5 else tensor for tensor in arguments((2, 2), relative=relative)]
    assert torch.autograd.gradcheck(lambda *tensors: global_attention(*tensors, scale=0.6), inputs)


def test_without_tables_it_is_torchs_attention(global_attention: Form) -> None:
    query, key, value = arguments((3, 4), relative=False)
    flat = [tensor.flatten(1, 2).transpose(1, 2) for tensor in (query, key, value)]
    expected = F.scaled_dot_product_attention(*flat).transpose(1, 2).reshape(value.shape)
    torch.testing.assert_close(global_attention(query, key, value, scale=3**-0.5), expected)


def test_on_a_square_map_it_is_window_attention_over_twice_the_map(global_attention: Form) -> None:
    inputs = arguments((3, 3), relative=True)
    torch.testing.assert_close(global_attention(*inputs, scale=0.6), local_attention(*inputs, kernel_size=5, scale=0.6))


@settings(deadline=None, max_examples=20)
@given(place=st.permutations(range(12)))
def test_without_tables_it_moves_with_the_pixels_in_any_order(place: list[int]) -> None:
    def moved(maps: Tensor) -> Tensor:
        return maps.flatten(1, 2)[:, place].view(maps.shape)

    inputs = arguments((3, 4), relative=False)
    expected = moved(dispatched(*inputs, scale=0.6))
    torch.testing.assert_close(dispatched(*map(moved, inputs), scale=0.6), expected)


@pytest.mark.parametrize("size", [(12, 12), (7, 5), (1, 31), (31, 1)])
def test_the_relative_term_holds_nothing_larger_than_twice_logits_or_inputs(size: tuple[int, int]) -> None:
    (height, width), head_dim = size, 64
    shapes = [(1, *size, 2, head_dim)] * 3 + [(2 * height - 1, head_dim), (2 * width - 1, head_dim)]
    inputs = [tensor.detach().float().requires_grad_() for tensor in leaves(*shapes)]
    with LargestTensor() as largest:
        naive_global_attention(*inputs, scale=1.0).sum().backward()
    # An embedding for every pair of pixels, or of places on one axis, would be far above. On a map of one row the
    # offsets of the columns are nearly twice the keys.
    logits = 2 * (height * width) ** 2
    assert largest.elements <= 2 * max(logits, inputs[0].numel())


@pytest.mark.parametrize(("forward", "backward"), [(fused_forward, fused_backward), (blocks_forward, blocks_backward)])
def test_other_forms_hold_a_block_of_logits_at_most(
    forward: Callable[..., tuple[Tensor, Tensor]], backward: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(blocks.BLOCK_PAIRS, "cpu", 2**10)
    sizes = [(1, 24, 24, 2, 8)] * 3 + [(47, 8), (47, 8)]
    problem = GlobalProblem(*(tensor.detach().float() for tensor in leaves(*sizes)), scale=1.0)
    with LargestTensor() as largest:
        out, lse = forward(problem)
        backward(problem, out, lse, torch.ones_like(out))
    # the relative logits of one axis skewed into place, or the queries with those of both
    assert largest.elements <= 24 * 24 * 2 * (8 + 24 + 24)
    assert largest.elements < 24**4 / 4


def memory_inside_nan(numbers: Tensor) -> Tensor:
    """The same map in the middle of a larger one that is NaN, every other channel of it."""
    batch, height, width, heads, channels = numbers.shape
    around = numbers.new_full((batch, height + 2, width + 2, heads, 2 * channels), float("nan"))
    return around[:, 1:-1, 1:-1, :, ::2].copy_(numbers)


def channels_first(numbers: Tensor) -> Tensor:
    return numbers.permute(0, 3, 4, 1, 2).contiguous().permute(0, 3, 4, 1, 2)


@pytest.mark.parametrize("lay_out", [memory_inside_nan, channels_first])
@pytest.mark.parametrize("relative", [False, True])
def test_any_layout_of_maps_and_gradients(
    global_attention: Form, relative: bool, lay_out: Callable[[Tensor], Tensor]
) -> None:
    inputs = [tensor.detach().float() for tensor in arguments((3, 4), relative=relative)]
    moved = [lay_out(tensor) if tensor.dim() == 5 else tensor for tensor in inputs]
    grad_out = torch.randn(inputs[2].shape, generator=torch.Generator().manual_seed(1))
    results = []
    for tensors, grad in ((inputs, grad_out), (moved, lay_out(grad_out))):
        asking = [tensor.detach().requires_grad_() for tensor in tensors]
        out = global_attention(*asking, scale=0.6)
        results.append([out.detach(), *torch.autograd.grad(out, asking, grad)])
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected)


def test_expanded_inputs_and_gradients(global_attention: Form) -> None:
    query, key, value, *tables = arguments((2, 3), relative=True)
    query = query[:1].expand_as(query)
    grad_out = torch.ones((), dtype=value.dtype).expand(value.shape)
    expected = torch.autograd.grad(
        naive_global_attention(query.contiguous(), key, value, *tables, scale=0.6), (key, value, *tables), grad_out
    )
    out = global_attention(query, key, value, *tables, scale=0.6)
    torch.testing.assert_close(torch.autograd.grad(out, (key, value, *tables), grad_out), expected)


def test_nan_stays_in_its_image_and_head(global_attention: Form) -> None:
    inputs = [tensor.detach() for tensor in arguments((3, 3), relative=True)]
    clean = global_attention(*inputs, scale=0.6)
    for i in range(3):
        poisoned = [tensor.clone() for tensor in inputs]
        poisoned[i][0, 1, 2, 1] = torch.nan
        out = global_attention(*poisoned, scale=0.6)
        torch.testing.assert_close(out[1], clean[1])
        torch.testing.assert_close(out[0, :, :, 0], clean[0, :, :, 0])
        assert out[0, :, :, 1].isnan().any()


def test_logits_may_be_huge_or_all_the_same(global_attention: Form) -> None:
    inputs = arguments((3, 4), relative=True)
    for scale in (1e4, 0.0, -1.0):
        out = global_attention(*inputs, scale=scale)
        torch.testing.assert_close(out, naive_global_attention(*inputs, scale=scale))
        assert every(grad.isfinite().all() for grad in torch.autograd.grad(out.sum(), inputs))


def test_logits_near_the_end_of_float16(global_attention: Form) -> None:
    vectors = torch.randn(1, 3, 4, 2, 8, generator=torch.Generator().manual_seed(0))
    query = (vectors / vectors.norm(dim=-1, keepdim=True) * 6e4**0.5).half()
    value = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(1)).half()
    # a query is one of the keys, and far from all others
    torch.testing.assert_close(global_attention(query, query, value, scale=1.0), value, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("form", ["fused", "blocks"])
def test_errors_are_at_most_twice_those_of_the_plain_form(form: str, dtype: torch.dtype) -> None:
    exact = [tensor.detach() for tensor in arguments((5, 6), relative=True)]
    inputs = [tensor.to(dtype).requires_grad_() for tensor in exact]
    grad_out = torch.randn(exact[2].shape, generator=torch.Generator().manual_seed(1)).to(dtype)

    def results(attend: Form, tensors: list[Tensor]) -> list[Tensor]:
        asking = [tensor.detach().requires_grad_() for tensor in tensors]
        out = attend(*asking, scale=1.0)
        return [out.detach(), *torch.autograd.grad(out, asking, grad_out.to(out.dtype))]

    right = results(naive_global_attention, [tensor.double() for tensor in inputs])
    plain, ours = results(naive_global_attention, inputs), results(FORMS[form], inputs)
    for one, other, truth in zip(ours, plain, right, strict=True):
        assert (one.double() - truth).norm() <= 2 * (other.double() - truth).norm()


@pytest.mark.parametrize("form", ["fused", "blocks", "cpu"])
def test_results_lie_in_memory_as_the_maps_do(form: str) -> None:
    inputs = [tensor.detach().float() for tensor in arguments((3, 4), relative=True)]
    first = [channels_first(tensor) if tensor.dim() == 5 else tensor for tensor in inputs]
    for tensors, merge in (
        (inputs, lambda heads: heads.flatten(3)),
        (first, lambda heads: heads.permute(0, 3, 4, 1, 2)),
    ):
        problem = GlobalProblem(*tensors, scale=0.6)
        out, lse = run_forward(form, problem)
        gradients = run_backward(form, problem, out, lse, torch.ones_like(out))
        assert all(merge(heads).is_contiguous() for heads in (out, *gradients[:3]))


@pytest.mark.parametrize("relative", [False, True])
def test_an_empty_batch_has_gradients(global_attention: Form, relative: bool) -> None:
    inputs = [tensor.detach().float() for tensor in arguments((2, 3), relative=relative)]
    asking = [(tensor[:0] if tensor.dim() == 5 else tensor).requires_grad_() for tensor in inputs]
    out = global_attention(*asking, scale=1.0)
    gradients = torch.autograd.grad(out.sum(), asking)
    assert [grad.shape for grad in gradients] == [tensor.shape for tensor in asking]
    assert not any(grad.any() for grad in gradients)


def test_an_empty_batch_and_the_meta_device(global_attention: Form) -> None:
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
        ("query", {"query": ONE[..., :0]}),
        ("value", {"value": ONE[..., :0]}),
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
def test_bad_arguments_are_named(global_attention: Form, name: str, changed: dict[str, Tensor | None]) -> None:
    good = {"query": ONE, "key": ONE, "value": ONE, "rel_rows": torch.zeros(3, 2), "rel_cols": torch.zeros(5, 2)}
    global_attention(**good, scale=1.0)
    with pytest.raises(ValueError, match=name):
        global_attention(**{**good, **changed}, scale=1.0)
