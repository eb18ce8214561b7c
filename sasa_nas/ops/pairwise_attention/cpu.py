"""Pairwise attention of float32 on a CPU: the loops of loops/, called with the tensors' addresses and strides."""

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from sasa_nas.ops.compiled import CannotCompileError, load_library
from sasa_nas.ops.mapping import MappingLayer
from sasa_nas.ops.pairwise_attention.problem import Gradients, LayerGradients, Outcome, Problem
from sasa_nas.ops.relation.naive import PairwiseKind
from sasa_nas.ops.window_sums.sums import map_like

SOURCE = Path(__file__).parent / "loops" / "pairwise.c"

_KINDS = ("sum", "subtraction", "hadamard", "concatenation", "dot")
"""Kinds of relation, in the order of the constants of loops/image.h."""
assert set(_KINDS) == set(get_args(PairwiseKind))


class _Map(ctypes.Structure):
    """A tensor as the loops see it: (batch, row, column, -, channel), strides in elements."""

    _fields_ = (("data", ctypes.c_void_p), ("strides", ctypes.c_int64 * 5))


_SIZES = (
    *("batch", "height", "width", "channels", "positions", "values", "weight_channels", "hidden", "layers"),
    *("kernel_size", "kind", "threads"),
)
_MAPS = ("query", "key", "value", "out", "lse", "grad_out", "grad_query", "grad_key", "grad_value")
_Pair = ctypes.c_void_p * 2


class _Pairwise(ctypes.Structure):
    """The arguments of the loops, `Pairwise` of loops/image.h; what is left out is a null pointer."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _SIZES),
        ("own", ctypes.c_int64 * 2),
        ("eps", ctypes.c_double * 2),
        *((name, _Map) for name in _MAPS),
        *((name, _Pair) for name in ("norm_weight", "norm_bias", "weight")),
        ("bias", ctypes.c_void_p),
        *((name, _Pair) for name in ("mean", "variance", "grad_norm_weight", "grad_norm_bias", "grad_weight")),
    )


def cpu_cannot() -> str | None:
    """Return the reason why the loops cannot run on float32 maps on a CPU, in a few words; None if they can.

    The first call of a machine compiles them, which takes some seconds.
    """
    try:
        load_library(SOURCE)
    except CannotCompileError as error:
        return str(error)
    return None


def cpu_forward(problem: Problem) -> Outcome:
    """Compute the attention without gradients, on up to `torch.get_num_threads()` threads.

    How many threads there are changes no bit of the result.

    Args:
        problem: One that `cpu_cannot` has nothing against.

    Raises:
        MemoryError: There is not enough memory for the copies of one image for each thread.
    """
    batch, _, height, width = problem.query.shape
    out = map_like(problem.value)
    lse = problem.value.new_empty(batch, problem.weight_channels, height, width)
    statistics = tuple(
        (torch.empty_like(layer.norm_weight), torch.empty_like(layer.norm_weight))
        if layer.mean is None or layer.variance is None
        else (layer.mean.contiguous(), layer.variance.contiguous())
        for layer in problem.mapping
    )
    outcome = Outcome(out, lse, statistics)
    mapping = _contiguous(problem.mapping)
    job = _job(problem, mapping, outcome)
    job.out = _map(out)
    _call("pairwise_attention_forward", job)
    return outcome


def cpu_backward(problem: Problem, grad_out: Tensor, outcome: Outcome) -> Gradients:
    """Compute the gradients of `cpu_forward`, relation and weights again.

    Args:
        problem: Problem of the forward pass.
        grad_out: The gradient of the attention, any strides.
        outcome: Outcome of `cpu_forward`.

    Raises:
        MemoryError: There is not enough memory for the copies of one image for each thread.
    """
    query, key, value = (map_like(tensor) for tensor in (problem.query, problem.key, problem.value))
    # the bias of all logits of a window moves none of the weights
    layers = tuple(
        LayerGradients(
            torch.empty(layer.norm_weight.shape),
            torch.empty(layer.norm_bias.shape),
            torch.empty(layer.weight.shape),
            None if layer.bias is None else torch.zeros(layer.bias.shape),
        )
        for layer in problem.mapping
    )
    mapping = _contiguous(problem.mapping)
    outcome = replace(outcome, statistics=tuple((m.contiguous(), v.contiguous()) for m, v in outcome.statistics))
    job = _job(problem, mapping, outcome)
    job.grad_out, job.grad_query, job.grad_key, job.grad_value = map(_map, (grad_out, query, key, value))
    job.grad_norm_weight = _addresses(layer.norm_weight for layer in layers)
    job.grad_norm_bias = _addresses(layer.norm_bias for layer in layers)
    job.grad_weight = _addresses(layer.weight for layer in layers)
    _call("pairwise_attention_backward", job)
    return Gradients(query, key, value, layers)


def _contiguous(mapping: Sequence[MappingLayer]) -> tuple[MappingLayer, ...]:
    """Return the same layers, their parameters without gaps, as the loops read them."""
    return tuple(
        replace(
            layer,
            norm_weight=layer.norm_weight.contiguous(),
            norm_bias=layer.norm_bias.contiguous(),
            weight=layer.weight.contiguous(),
            bias=None if layer.bias is None else layer.bias.contiguous(),
        )
        for layer in mapping
    )


def _job(problem: Problem, mapping: Sequence[MappingLayer], outcome: Outcome) -> _Pairwise:
    """Return the arguments of both passes.

    Args:
        problem: Problem whose maps are read.
        mapping: Layers of the problem, contiguous; they have to live as long as the job.
        outcome: Log-sum-exp and statistics, which one pass writes and the other reads.
    """
    batch, channels, height, width = problem.query.shape
    first, last = mapping[0], mapping[-1]
    job = _Pairwise(
        *(batch, height, width, channels, problem.positions, problem.value.shape[1], last.weight.shape[0]),
        *(first.weight.shape[0], len(mapping), problem.kernel_size, _KINDS.index(problem.kind)),
        torch.get_num_threads(),
    )
    for number, layer in enumerate(mapping):
        job.own[number], job.eps[number] = layer.mean is None, layer.eps
    job.query, job.key, job.value = _map(problem.query), _map(problem.key), _map(problem.value)
    job.lse = _map(outcome.lse)
    job.norm_weight = _addresses(layer.norm_weight for layer in mapping)
    job.norm_bias = _addresses(layer.norm_bias for layer in mapping)
    job.weight = _addresses(layer.weight for layer in mapping)
    job.bias = None if last.bias is None else last.bias.data_ptr()
    job.mean = _addresses(mean for mean, _ in outcome.statistics)
    job.variance = _addresses(variance for _, variance in outcome.statistics)
    return job


def _map(maps: Tensor) -> _Map:
    sb, sc, sy, sx = maps.stride()
    return _Map(maps.data_ptr(), (sb, sy, sx, 0, sc))


def _addresses(tensors: Iterable[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    """Return the addresses of one tensor a layer."""
    return _Pair(*(tensor.data_ptr() for tensor in tensors))


def _call(name: str, job: _Pairwise) -> None:
    if load_library(SOURCE)[name](ctypes.byref(job)):
        raise MemoryError(f"no memory for pairwise attention of {job.height}x{job.width} maps")
