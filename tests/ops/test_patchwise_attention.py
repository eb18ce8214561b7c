"""Patchwise attention: the plain form against loops, and the compiled loops against the plain form in float64."""

from collections.abc import Sequence
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_oracles import aggregate_loops, patchwise_loops
from patchwise_problems import Layout, Sizes, assert_near, case, channels_last, contiguous, inside_nan, results
from torch import Tensor
from torch.nn import functional as F

from sasa_nas.ops import BatchStatistics, MappingLayer, PatchwiseKind, patchwise_attention
from sasa_nas.ops.patchwise_attention import naive
from sasa_nas.ops.patchwise_attention.dispatch import explain_choice
from sasa_nas.ops.patchwise_attention.library import operator_arguments, patchwise_attention_operator
from sasa_nas.ops.patchwise_attention.problem import Problem

WHY = explain_choice(torch.device("cpu"))
needs_a_compiler = pytest.mark.skipif(WHY[0] != "cpu", reason=f"the loops cannot run: {WHY[1]}")
KINDS: tuple[PatchwiseKind, ...] = get_args(PatchwiseKind)


def by_loops(
    query: Tensor, key: Tensor, value: Tensor, mapping: Sequence[MappingLayer], *, kernel_size: int, kind: PatchwiseKind
) -> tuple[Tensor, tuple[BatchStatistics, ...]]:
    """From the definition: windows by loops over pixels, norms by their equation, convolutions as matrices."""
    made, statistics = patchwise_loops(query, key, kernel_size=kernel_size, kind=kind), []
    for layer in mapping:
        mean, variance = layer.mean, layer.variance
        if mean is None or variance is None:
            count = made.numel() // made.shape[1]
            mean, variance = made.mean((0, 2, 3)), made.var((0, 2, 3), correction=0)
            statistics.append(BatchStatistics(mean.detach(), variance.detach(), count))
        normal = (made - mean[:, None, None]) / (variance + layer.eps).sqrt()[:, None, None]
        made = F.relu(normal * layer.norm_weight[:, None, None] + layer.norm_bias[:, None, None])
        made = torch.einsum("oc,bchw->bohw", layer.weight, made)
        if layer.bias is not None:
            made = made + layer.bias[:, None, None]
    weights = made.unflatten(1, (-1, kernel_size**2))
    return aggregate_loops(weights, value, kernel_size=kernel_size), tuple(statistics)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_plain_form_is_the_definition(kind: PatchwiseKind, layers: int, training: bool) -> None:
    small = case(Sizes(kind, layers=layers, training=training, size=(3, 2)))
    ours, exact = (results(form, small, torch.float64) for form in (naive.patchwise_attention, by_loops))
    assert ours.keys() == exact.keys()
    for name, tensor in exact.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-8, atol=1e-10)


def agree(sizes: Sizes, lay_out: Layout = contiguous) -> None:
    problem = case(sizes)
    exact = results(naive.patchwise_attention, problem, torch.float64)
    assert_near(results(patchwise_attention, problem, torch.float32, lay_out, backend="cpu"), exact)


@needs_a_compiler
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_loops_agree_with_the_plain_form(kind: PatchwiseKind, layers: int, training: bool) -> None:
    agree(Sizes(kind, layers=layers, training=training, size=(7, 9)), channels_last)


@needs_a_compiler
@settings(deadline=None, max_examples=30)
@given(
    kind=st.sampled_from(KINDS),
    kernel_size=st.sampled_from([1, 3, 5]),
    size=st.tuples(st.integers(1, 9), st.sampled_from([1, 2, 5, 8, 14, 16, 17, 33])),
    channels=st.sampled_from([(1, 1, 1), (2, 9, 1), (3, 6, 3), (18, 8, 4), (5, 22, 2)]),
    batch=st.integers(1, 9),
    layers=st.integers(1, 2),
    training=st.booleans(),
    layout=st.sampled_from([contiguous, channels_last, inside_nan]),
)
def test_loops_agree_on_odd_maps(
    kind: PatchwiseKind,
    kernel_size: int,
    size: tuple[int, int],
    channels: tuple[int, int, int],
    batch: int,
    layers: int,
    training: bool,
    layout: Layout,
) -> None:
    if kind == "clique" and kernel_size == 5:
        kernel_size, size = 3, (size[0], min(size[1], 17))
    # two values a channel have a variance near zero where they are alike, of which float32 makes noise
    if training and batch * size[0] * size[1] < 4:
        batch = 4
    agree(Sizes(kind, kernel_size, *channels, batch, size, layers, training), layout)


@needs_a_compiler
@pytest.mark.parametrize(
    "sizes",
    [
        Sizes(kernel_size=7, size=(3, 20), keys=5),
        Sizes(kernel_size=9, size=(2, 2), batch=5),
        Sizes(kernel_size=5, size=(1, 1), batch=70, weights=1),
        Sizes(kernel_size=7, size=(14, 14), keys=64, values=32, weights=16),
        Sizes("star", kernel_size=7, size=(4, 40)),
        Sizes("clique", kernel_size=5, size=(6, 3), batch=3),
        Sizes(layers=1, kernel_size=7, size=(9, 9), values=22),
    ],
)
def test_loops_agree_where_windows_exceed_maps_and_channels_are_many(sizes: Sizes) -> None:
    agree(sizes, channels_last)


@needs_a_compiler
def test_loops_agree_with_channels_far_from_zero() -> None:
    problem = case(Sizes(size=(8, 8), batch=6))
    query, key, value = problem.maps
    moved = type(problem)(problem.sizes, (query, key + 30, value), problem.layers)
    exact = results(naive.patchwise_attention, moved, torch.float64)
    ours = results(patchwise_attention, moved, torch.float32, backend="cpu")
    for name in ("mean 0", "variance 0"):
        torch.testing.assert_close(ours[name].double(), exact[name], rtol=1e-5, atol=1e-5)


def test_gradcheck() -> None:
    problem = case(Sizes(size=(2, 3), weights=1, values=2))
    maps = [tensor.detach().requires_grad_() for tensor in problem.maps]
    layers = [MappingLayer(*parameters, 1e-5) for parameters in problem.layers]
    assert torch.autograd.gradcheck(
        lambda *maps: patchwise_attention(*maps, layers, kernel_size=3, kind="concatenation")[0], maps
    )


def by_the_operator(
    query: Tensor, key: Tensor, value: Tensor, mapping: Sequence[MappingLayer], *, kernel_size: int, kind: PatchwiseKind
) -> tuple[Tensor, tuple[BatchStatistics, ...]]:
    problem = Problem(query, key, value, tuple(mapping), kernel_size, kind)
    out, _, *found = patchwise_attention_operator(*operator_arguments(problem, "composed"))
    pixels = query.numel() // query.shape[1]
    own = [place for place, layer in zip((0, 2), mapping, strict=False) if layer.mean is None]
    return out, tuple(BatchStatistics(found[i].detach(), found[i + 1].detach(), pixels) for i in own)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_operator_runs_where_no_form_is_fast(kind: PatchwiseKind, layers: int) -> None:
    for training in (False, True):
        problem = case(Sizes(kind, layers=layers, training=training))
        exact = results(naive.patchwise_attention, problem, torch.float64)
        assert_near(results(by_the_operator, problem, torch.float64, channels_last), exact)
