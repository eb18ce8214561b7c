"""Patchwise attention of float32 on a CPU: the loops of loops/, called with the tensors' addresses and strides."""

import ctypes
from pathlib import Path

import torch
from torch import Tensor

from sasa_nas.ops.compiled import CannotCompileError, load_library
from sasa_nas.ops.mapping.layer import MappingLayer
from sasa_nas.ops.patchwise_attention.problem import Found, Gradients, LayerGradients, Problem
from sasa_nas.ops.window_sums.sums import map_like

SOURCE = Path(__file__).parent / "loops" / "patchwise.c"

_KINDS = ("star", "clique", "concatenation")


class _Map(ctypes.Structure):
    """A tensor as the loops see it: (batch, row, column, 1, channel), strides in elements."""

    _fields_ = (("data", ctypes.c_void_p), ("strides", ctypes.c_int64 * 5))


_PARAMETERS = ("norm_weight", "norm_bias", "mean", "variance", "weight", "bias")
_PARAMETER_GRADIENTS = ("grad_norm_weight", "grad_norm_bias", "grad_weight", "grad_bias")


class _Layer(ctypes.Structure):
    """A layer of the mapping, `Layer` of loops/images.h; what is left out is a null pointer."""

    _fields_ = (
        ("in_channels", ctypes.c_int64),
        ("out_channels", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in (*_PARAMETERS, *_PARAMETER_GRADIENTS)),
        ("eps", ctypes.c_double),
        ("of_batch", ctypes.c_int64),
    )


_SIZES = ("batch", "height", "width", "keys", "values", "weights", "kernel_size", "kind", "layers", "threads")
_MAPS = ("query", "key", "value", "hidden", "out", "grad_out", "grad_query", "grad_key", "grad_value")


class _Patchwise(ctypes.Structure):
    """The arguments of the loops, `Patchwise` of loops/images.h."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _SIZES),
        *((name, _Map) for name in _MAPS),
        ("first", _Layer),
        ("second", _Layer),
    )


def cpu_cannot(problem: Problem) -> str | None:
    """Return why the loops cannot compute a problem, in a few words; None where they can.

    The first call of a machine compiles them, which takes a few seconds.

    Args:
        problem: Problem, of which types, devices and shapes are read, not values.
    """
    query = problem.query
    if query.device.type != "cpu":
        return f"tensors are on {query.device.type}, not on a CPU"
    parameters = [tensor for layer in problem.mapping for tensor in _parameters(layer) if tensor is not None]
    for tensor in (query, *parameters):
        if tensor.dtype != torch.float32:
            return f"its loops take float32, not {str(tensor.dtype).removeprefix('torch.')}"
    if query.shape[0] == 0:
        return "the batch is empty"
    try:
        load_library(SOURCE)
    except CannotCompileError as error:
        return str(error)
    return None


def cpu_forward(problem: Problem) -> Found:
    """Compute patchwise attention without gradients, on up to `torch.get_num_threads()` threads.

    How many threads there are changes no bit of the result.

    Args:
        problem: One that `cpu_cannot` has nothing against.

    Raises:
        MemoryError: There is not enough memory for the copies of a few images for each thread.
    """
    value = problem.value
    out, hidden = map_like(value), None
    if problem.two:
        hidden = value.new_empty(value.shape[0], problem.mapping[0].weight.shape[0], *value.shape[2:])
    statistics = tuple(
        None
        if layer.mean is not None
        else (layer.norm_weight.new_empty(channels), layer.norm_weight.new_empty(channels))
        for layer in problem.mapping
        for channels in [layer.norm_weight.shape[0]]
    )
    job, _alive = _job(problem, hidden, statistics)
    job.out = _map(out)
    _call("patchwise_attention_forward", job)
    return Found(out, hidden, statistics)


def cpu_backward(problem: Problem, found: Found, grad_out: Tensor) -> Gradients:
    """Compute the gradients of `cpu_forward`, which compute the weights of the windows again.

    Args:
        problem: Problem of the forward pass.
        found: Result of `cpu_forward`; `out` is not read.
        grad_out: The gradient of the attention, in any layout.

    Raises:
        MemoryError: There is not enough memory for the copies of a few images for each thread.
    """
    gradients = Gradients(
        map_like(problem.query),
        map_like(problem.key),
        map_like(problem.value),
        tuple(
            LayerGradients(
                torch.empty_like(layer.norm_weight, memory_format=torch.contiguous_format),
                torch.empty_like(layer.norm_bias, memory_format=torch.contiguous_format),
                torch.empty_like(layer.weight, memory_format=torch.contiguous_format),
                None if layer.bias is None else torch.empty_like(layer.bias, memory_format=torch.contiguous_format),
            )
            for layer in problem.mapping
        ),
    )
    job, _alive = _job(problem, found.hidden, found.statistics)
    job.grad_out = _map(grad_out)
    for name in ("query", "key", "value"):
        setattr(job, f"grad_{name}", _map(getattr(gradients, name)))
    for part, layer in zip((job.first, job.second), gradients.mapping, strict=False):
        for name in ("norm_weight", "norm_bias", "weight", "bias"):
            setattr(part, f"grad_{name}", _address(getattr(layer, name)))
    _call("patchwise_attention_backward", job)
    return gradients


def _job(
    problem: Problem, hidden: Tensor | None, statistics: tuple[tuple[Tensor, Tensor] | None, ...]
) -> tuple[_Patchwise, list[Tensor | None]]:
    """Return the arguments that both ways have in common, and the tensors that have to stay alive for them."""
    query, value = problem.query, problem.value
    batch, keys, height, width = query.shape
    area = problem.kernel_size**2
    job = _Patchwise(
        *(batch, height, width, keys, value.shape[1], problem.mapping[-1].weight.shape[0] // area),
        *(problem.kernel_size, _KINDS.index(problem.kind), len(problem.mapping), torch.get_num_threads()),
    )
    job.query, job.key, job.value = _map(query), _map(problem.key), _map(value)
    if hidden is not None:
        job.hidden = _map(hidden)
    alive: list[Tensor | None] = []
    for name, layer, own in zip(("first", "second"), problem.mapping, statistics, strict=False):
        parameters = list(_parameters(layer))
        if own is not None:
            parameters[2:4] = own
        parameters = [None if tensor is None else tensor.contiguous() for tensor in parameters]
        alive += parameters
        addresses = (*map(_address, parameters), *(None for _ in _PARAMETER_GRADIENTS))
        out_channels, in_channels = layer.weight.shape
        setattr(job, name, _Layer(in_channels, out_channels, *addresses, layer.eps, own is not None))
    return job, alive


def _parameters(layer: MappingLayer) -> tuple[Tensor | None, ...]:
    return layer.norm_weight, layer.norm_bias, layer.mean, layer.variance, layer.weight, layer.bias


def _map(maps: Tensor) -> _Map:
    sb, sc, sy, sx = maps.stride()
    return _Map(maps.data_ptr(), (sb, sy, sx, 0, sc))


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _call(name: str, job: _Patchwise) -> None:
    if load_library(SOURCE)[name](ctypes.byref(job)):
        size = f"{job.kernel_size}x{job.kernel_size}"
        raise MemoryError(f"no memory for patchwise attention with windows of {size} on {job.height}x{job.width} maps")
