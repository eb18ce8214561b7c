"""The compiled loops and the slices of SAN's operators against the plain form, and what torch's library asks for."""

from collections.abc import Iterator
from typing import get_args

import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_oracles import aggregate_loops, assert_agree, leaves
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from sasa_nas.cost.attention import attention_counts
from sasa_nas.operators.pairwise.layer import PairwiseAttention2d
from sasa_nas.operators.patchwise.layer import PatchwiseAttention2d
from sasa_nas.ops import PairwiseKind, aggregate, pairwise_relation, patchwise_relation
from sasa_nas.ops.aggregation.library import aggregate_backward_operator, aggregate_decompositions, aggregate_operator
from sasa_nas.ops.compiled import load_library
from sasa_nas.ops.relation.library import relation_decompositions, window_relation_operator
from sasa_nas.ops.window_sums import forms
from sasa_nas.ops.window_sums.cpu import cpu_cannot

WHY = cpu_cannot(torch.device("cpu"), torch.float32)
needs_a_compiler = pytest.mark.skipif(WHY is not None, reason=f"the loops cannot run: {WHY}")
KINDS = [*get_args(PairwiseKind), "star", "patch", "clique"]


def relate(query: Tensor, key: Tensor, kernel_size: int, kind: str, backend: str) -> Tensor:
    if kind in get_args(PairwiseKind):
        return pairwise_relation(query, key, kernel_size=kernel_size, kind=kind, backend=backend)
    patchwise = "concatenation" if kind == "patch" else kind
    return patchwise_relation(query, key, kernel_size=kernel_size, kind=patchwise, backend=backend)


def channels_last(tensor: Tensor) -> Tensor:
    order = (0, *range(2, tensor.dim()), 1)
    return tensor.permute(order).contiguous().permute(0, tensor.dim() - 1, *range(1, tensor.dim() - 1))


def inside_nan(tensor: Tensor) -> Tensor:
    """The same numbers with NaN around and between them."""
    wide = tensor.new_full([2 * size + 3 for size in tensor.shape], torch.nan)
    place = wide[tuple(slice(1, 2 * size + 1, 2) for size in tensor.shape)]
    return place.copy_(tensor)


def contiguous(tensor: Tensor) -> Tensor:
    return tensor.contiguous()


def expanded(tensor: Tensor) -> Tensor:
    return tensor[:1].expand_as(tensor)


LAYOUTS = [contiguous, channels_last, inside_nan, expanded]


def assert_like_float64(ours: Tensor, exact: Tensor, inputs: list[Tensor], exact_inputs: list[Tensor]) -> None:
    """Output and gradients of a gradient that is expanded where the layout is."""
    grad_out = torch.randn(exact.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    theirs = [exact, *torch.autograd.grad(exact, exact_inputs, grad_out)]
    mine = [ours, *torch.autograd.grad(ours, inputs, inside_nan(grad_out.float()))]
    for one, other in zip(mine, theirs, strict=True):
        size = max(other.abs().max().item(), 1.0) if other.numel() else 1.0
        torch.testing.assert_close(one.double(), other, rtol=0, atol=3e-6 * size)


def check_aggregate(weights: Tensor, value: Tensor, kernel_size: int, backend: str) -> None:
    ours = [tensor.requires_grad_() for tensor in (weights.detach(), value.detach())]
    exact = [tensor.detach().double().contiguous().requires_grad_() for tensor in ours]
    out = aggregate(*ours, kernel_size=kernel_size, backend=backend)
    assert_like_float64(out, aggregate(*exact, kernel_size=kernel_size, backend="naive"), ours, exact)


def check_relation(query: Tensor, key: Tensor, kernel_size: int, kind: str, backend: str) -> None:
    ours = [tensor.requires_grad_() for tensor in (query.detach(), key.detach())]
    exact = [tensor.detach().double().contiguous().requires_grad_() for tensor in ours]
    out = relate(*ours, kernel_size, kind, backend)
    assert_like_float64(out, relate(*exact, kernel_size, kind, "naive"), ours, exact)


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


BACKENDS = [pytest.param("cpu", marks=needs_a_compiler), "slices"]
SIZES = st.tuples(st.integers(1, 9), st.sampled_from([1, 2, 5, 8, 14, 16, 17, 33, 40]))


@pytest.mark.parametrize("backend", BACKENDS)
@settings(deadline=None, max_examples=25)
@given(
    size=SIZES,
    kernel_size=st.sampled_from([1, 3, 5, 7, 11]),
    channels=st.sampled_from([(1, 1), (1, 9), (3, 2), (4, 8), (6, 1), (5, 11)]),
    batch=st.integers(0, 2),
    layouts=st.tuples(st.sampled_from(LAYOUTS), st.sampled_from(LAYOUTS)),
)
def test_aggregation_agrees_with_the_plain_form(
    backend: str, size: tuple[int, int], kernel_size: int, channels: tuple[int, int], batch: int, layouts: tuple
) -> None:
    weights = layouts[0](random(batch, channels[0], kernel_size**2, *size))
    value = layouts[1](random(batch, channels[0] * channels[1], *size))
    check_aggregate(weights, value, kernel_size, backend)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(deadline=None, max_examples=30)
@given(
    size=SIZES,
    kernel_size=st.sampled_from([1, 3, 5]),
    channels=st.sampled_from([1, 3, 10]),
    batch=st.integers(0, 2),
    kind=st.sampled_from(KINDS),
    layout=st.sampled_from(LAYOUTS),
)
def test_relations_agree_with_the_plain_form(
    backend: str, size: tuple[int, int], kernel_size: int, channels: int, batch: int, kind: str, layout: object
) -> None:
    assert callable(layout)
    query, key = layout(random(batch, channels, *size)), random(batch, channels, *size)
    check_relation(query, key, kernel_size, kind, backend)


@pytest.mark.parametrize("size", [(4, 3), (5, 13)])
def test_slices_are_the_loops_of_the_definition(size: tuple[int, int]) -> None:
    weights, value = leaves((1, 2, 9, *size), (1, 6, *size))
    expected = aggregate_loops(weights, value, kernel_size=3)
    assert_agree(aggregate(weights, value, kernel_size=3, backend="slices"), expected, [weights, value])


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck_of_relations(kind: str) -> None:
    assert torch.autograd.gradcheck(lambda q, k: relate(q, k, 3, kind, "slices"), leaves((1, 2, 2, 3), (1, 2, 2, 3)))


def test_gradcheck_of_the_sum() -> None:
    inputs = leaves((1, 2, 9, 2, 3), (1, 4, 2, 3))
    assert torch.autograd.gradcheck(lambda w, v: aggregate(w, v, kernel_size=3, backend="slices"), inputs)


@needs_a_compiler
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("width", [7, 20])
def test_the_number_of_threads_changes_no_bit(width: int) -> None:
    weights, value = random(3, 2, 25, 6, width).requires_grad_(), random(3, 8, 6, width).requires_grad_()

    def results() -> list[Tensor]:
        out = aggregate(weights, value, kernel_size=5, backend="cpu")
        return [out, *torch.autograd.grad(out.square().sum(), [weights, value])]

    alone = results()
    for count in (2, 8):
        torch.set_num_threads(count)
        assert every(torch.equal(one, other) for one, other in zip(results(), alone, strict=True))


@needs_a_compiler
@pytest.mark.parametrize("width", [9, 20])
def test_a_nan_stays_in_the_windows_that_hold_it(width: int) -> None:
    weights, value = random(2, 1, 9, 5, width), random(2, 3, 5, width)
    clean = aggregate(weights, value, kernel_size=3, backend="cpu")
    value[0, 1, 2, 4] = torch.nan
    out = aggregate(weights, value, kernel_size=3, backend="cpu")
    bad = torch.zeros_like(out, dtype=torch.bool)
    bad[0, 1, 1:4, 3:6] = True
    assert torch.equal(out.isnan(), bad)
    assert torch.equal(out[~bad], clean[~bad])


@pytest.mark.slow
@pytest.mark.parametrize("lay_out", [contiguous, channels_last])
def test_opcheck(lay_out: object) -> None:
    assert callable(lay_out)
    weights, value = (lay_out(tensor).requires_grad_() for tensor in (random(2, 2, 9, 4, 5), random(2, 4, 4, 5)))
    torch.library.opcheck(aggregate_operator, (weights, value, 3, "auto"))
    saved = (random(2, 4, 4, 5), weights.detach(), value.detach(), 3, "auto")
    torch.library.opcheck(aggregate_backward_operator, saved)
    for kind in ("sum", "hadamard", "dot", "concatenation", "patch", "window"):
        torch.library.opcheck(window_relation_operator, (value, value, 3, kind, "auto"))


def test_other_derivatives_are_refused() -> None:
    weights, value = leaves((1, 1, 9, 3, 3), (1, 2, 3, 3))
    out = aggregate(weights, value, kernel_size=3, backend="slices")
    (gradient,) = torch.autograd.grad(out.square().sum(), value, create_graph=True)
    with pytest.raises(NotImplementedError, match="backend='naive'"):
        gradient.sum().backward()
    with pytest.raises(NotImplementedError, match="forward-mode"):
        torch.func.jvp(
            lambda v: aggregate(weights, v, kernel_size=3, backend="slices"), (value.detach(),), (value.detach(),)
        )


def test_bad_arguments_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, value = random(1, 1, 9, 3, 3), random(1, 2, 3, 3)
    for bad, name in (
        ({"weights": weights.double()}, "weights must have the type"),
        ({"weights": weights.to("meta")}, "weights must have the device"),
        ({"value": value[0]}, "value"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"backend": "dense"}, "backend must be one of"),
        ({"backend": "triton"}, "backend 'triton' cannot run: tensors are on cpu"),
    ):
        with pytest.raises(ValueError, match=name):
            aggregate(**({"weights": weights, "value": value, "kernel_size": 3} | bad))
    with pytest.raises(ValueError, match="key must have the type"):
        pairwise_relation(value, value.double(), kernel_size=3, kind="sum")
    monkeypatch.setenv("SASA_NAS_BACKEND", "fast")
    with pytest.raises(ValueError, match="SASA_NAS_BACKEND must be one of"):
        aggregate(weights, value, kernel_size=3)
    # another operator's backend says nothing to this one
    monkeypatch.setenv("SASA_NAS_BACKEND", "dense")
    aggregate(weights, value, kernel_size=3)
    monkeypatch.setenv("SASA_NAS_BACKEND", "triton")
    with pytest.raises(ValueError, match="'triton' cannot run"):
        aggregate(weights, value, kernel_size=3)
    assert forms.explain_choice(torch.device("cpu"))[0] == "triton"


def test_without_a_compiler_plain_pytorch_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SASA_NAS_BACKEND", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    load_library.cache_clear()
    form, why = forms.explain_choice(torch.device("cpu"))
    assert (form, "no C compiler found" in why) == ("slices", True)
    for size in (4, 9):
        check_aggregate(random(1, 2, 9, size, size), random(1, 4, size, size), 3, "auto")
    load_library.cache_clear()


LAYERS = [PairwiseAttention2d, PatchwiseAttention2d]


@pytest.mark.slow
@pytest.mark.parametrize("layer_type", LAYERS)
def test_layers_compile_export_and_decompose(layer_type: type[torch.nn.Module]) -> None:
    torch.manual_seed(0)
    layer, image = layer_type(8, 16, kernel_size=3).eval(), torch.randn(2, 8, 9, 9)
    layer.fused = False
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(image), layer(image))
    compiled(image).square().sum().backward()
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(layer, (image,), dynamic_shapes={"x": {0: batch}})
    plain = program.run_decompositions({**aggregate_decompositions(), **relation_decompositions()})
    assert "sasa_nas" in str(program.graph)
    assert "sasa_nas" not in str(plain.graph)
    images = torch.randn(5, 8, 9, 9)
    torch.testing.assert_close(plain.module()(images), layer(images))


@pytest.mark.parametrize("layer_type", LAYERS)
def test_flops_are_those_of_the_cost_model(layer_type: type[torch.nn.Module]) -> None:
    layer = layer_type(8, 16, kernel_size=3).to("meta")
    layer.fused = False
    with FlopCounterMode(display=False) as counter:
        layer(torch.randn(2, 8, 7, 9, device="meta"))
    macs = attention_counts(layer, 7, 9).macs
    assert counter.get_flop_counts()["Global"][torch.ops.sasa_nas.aggregate] == 2 * 2 * macs.aggregation
