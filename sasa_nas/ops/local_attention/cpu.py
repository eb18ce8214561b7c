"""Window attention of float32 on a CPU: the loops of loops/, called with the tensors' addresses and strides."""

import ctypes
from pathlib import Path

import torch
from torch import Tensor

from sasa_nas.ops.compiled import CannotCompileError, load_library
from sasa_nas.ops.local_attention.problem import Gradients, Problem

SOURCE = Path(__file__).parent / "loops" / "attention.c"


class _Map(ctypes.Structure):
    """A tensor as the loops see it: (batch, row, column, head, channel), strides in elements."""

    _fields_ = (("data", ctypes.c_void_p), ("strides", ctypes.c_int64 * 5))


_SIZES = ("batch", "height", "width", "heads", "key_dim", "value_dim", "kernel_size", "zeros", "threads")
_MAPS = ("query", "key", "value", "rel_rows", "rel_cols", "out", "lse")
_GRADIENTS = ("grad_out", "grad_query", "grad_key", "grad_value", "grad_rel_rows", "grad_rel_cols")


class _Attention(ctypes.Structure):
    """The arguments of the loops, `Attention` of loops/head.h; a map left out is a null pointer."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _SIZES),
        ("scale", ctypes.c_double),
        *((name, _Map) for name in (*_MAPS, *_GRADIENTS)),
    )


def cpu_cannot(problem: Problem) -> str | None:
    """Return the reason why the loops cannot compute a problem, in a few words; None if they can.

    The first call of a machine compiles them, which takes a second or two.

    Args:
        problem: Problem, of which types, devices and shapes are read, not values.
    """
    query = problem.query
    if query.device.type != "cpu":
        return f"tensors are on {query.device.type}, not on a CPU"
    if query.dtype != torch.float32:
        return f"its loops take float32, not {str(query.dtype).removeprefix('torch.')}"
    if problem.stride != 1:
        return f"its loops take a stride of 1, not {problem.stride}"
    try:
        load_library(SOURCE)
    except CannotCompileError as error:
        return str(error)
    return None


def cpu_forward(problem: Problem) -> tuple[Tensor, Tensor]:
    """Window attention without gradients, on up to `torch.get_num_threads()` threads.

    How many threads there are changes no bit of the result.

    Args:
        problem: One that `cpu_cannot` has nothing against.

    Returns:
        The attention, `(B, H, W, heads, value_dim)`, in memory as `like_map` of the values; and the natural
        logarithms of the sums of the exponential logits, `(B, H, W, heads)`, contiguous.

    Raises:
        MemoryError: There is not enough memory for the copy of one head for each thread.
    """
    out, lse = like_map(problem.value), problem.value.new_empty(problem.value.shape[:4])
    _call("local_attention_forward", _job(problem, out, lse))
    return out, lse


def cpu_backward(problem: Problem, out: Tensor, lse: Tensor, grad_out: Tensor) -> Gradients:
    """Return the gradients of `cpu_forward`, which compute the weights of the softmax again.

    Args:
        problem: Problem of the forward pass.
        out: Result of `cpu_forward`.
        lse: Log-sum-exp of the logits, from the same call.
        grad_out: The gradient of the attention, in any layout.

    Returns:
        Gradients of maps in memory as `like_map` of them, those of tables contiguous.

    Raises:
        MemoryError: There is not enough memory for the copy of one head for each thread.
    """
    key, rel_rows, rel_cols = problem.key, problem.rel_rows, problem.rel_cols
    grad_query, grad_value = like_map(problem.query), like_map(problem.value)
    grad_key = grad_rows = grad_cols = None
    job = _job(problem, out, lse)
    job.grad_out, job.grad_query, job.grad_value = _map(grad_out), _map(grad_query), _map(grad_value)
    if key is not None:
        grad_key = like_map(key)
        job.grad_key = _map(grad_key)
    if rel_rows is not None and rel_cols is not None:
        grad_rows, grad_cols = rel_rows.new_zeros(rel_rows.shape), rel_cols.new_zeros(rel_cols.shape)
        job.grad_rel_rows, job.grad_rel_cols = _table(grad_rows), _table(grad_cols)
    _call("local_attention_backward", job)
    return grad_query, grad_key, grad_value, grad_rows, grad_cols


def like_map(heads: Tensor) -> Tensor:
    """Return an empty tensor for a map: channels first in memory where `heads` is so, channels last otherwise.

    Merging its heads then gives a contiguous or a channels_last map without a copy, like the map that
    `heads` was split from.

    Args:
        heads: `(B, H, W, heads, head_dim)`.
    """
    batch, height, width, count, channels = heads.shape
    if heads.stride(4) != 1 and heads.stride(2) == 1:
        return heads.new_empty(batch, count, channels, height, width).permute(0, 3, 4, 1, 2)
    return heads.new_empty(heads.shape)


def _job(problem: Problem, out: Tensor, lse: Tensor) -> _Attention:
    """Return the inputs of both passes, and the output and log-sum-exp, which one writes and the other reads."""
    query, key, value = problem.query, problem.key, problem.value
    zeros, threads = problem.padding == "zeros", torch.get_num_threads()
    job = _Attention(*query.shape, value.shape[4], problem.kernel_size, zeros, threads, problem.scale)
    job.query, job.value, job.out, job.lse = _map(query), _map(value), _map(out), _map(lse.unsqueeze(-1))
    if key is not None:
        job.key = _map(key)
    if problem.rel_rows is not None and problem.rel_cols is not None:
        job.rel_rows, job.rel_cols = _table(problem.rel_rows), _table(problem.rel_cols)
    return job


def _map(heads: Tensor) -> _Map:
    return _Map(heads.data_ptr(), heads.stride())


def _table(table: Tensor) -> _Map:
    head = table.stride(0) if table.dim() == 3 else 0
    return _Map(table.data_ptr(), (0, table.stride(-2), 0, head, table.stride(-1)))


def _call(name: str, job: _Attention) -> None:
    if load_library(SOURCE)[name](ctypes.byref(job)):
        raise MemoryError(f"no memory for window attention of {job.height}x{job.width} maps")
