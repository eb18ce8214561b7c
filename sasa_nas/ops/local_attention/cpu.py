"""Window attention of float32 on a CPU: the loops of cpu.c, called with the tensors' addresses and strides."""

import ctypes
from pathlib import Path

import torch
from torch import Tensor

from sasa_nas.ops.compiled import CannotCompileError, load_library
from sasa_nas.ops.local_attention.naive import WindowPadding

SOURCE = Path(__file__).with_name("cpu.c")


class _Map(ctypes.Structure):
    """A tensor as the loops see it: (batch, row, column, head, channel), strides in elements."""

    _fields_ = (("data", ctypes.c_void_p), ("strides", ctypes.c_int64 * 5))


_SIZES = ("batch", "height", "width", "heads", "key_dim", "value_dim", "kernel_size", "zeros", "threads")
_MAPS = ("query", "key", "value", "rel_rows", "rel_cols", "out", "lse")
_GRADIENTS = ("grad_out", "grad_query", "grad_key", "grad_value", "grad_rel_rows", "grad_rel_cols")


class _Attention(ctypes.Structure):
    """The arguments of the loops, `Attention` of cpu.c; a map left out is a null pointer."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _SIZES),
        ("scale", ctypes.c_double),
        *((name, _Map) for name in (*_MAPS, *_GRADIENTS)),
    )


def can_run(query: Tensor, value: Tensor, rel_rows: Tensor | None = None) -> str | None:
    """Why the loops cannot run on these tensors, in a few words; None where they can.

    The first call of a machine compiles them.

    Args:
        query: As for `forward`, like all other arguments.
        value: The same.
        rel_rows: The same.
    """
    if query.device.type != "cpu":
        return f"tensors are on {query.device.type}, not on a CPU"
    if any(tensor is not None and tensor.dtype != torch.float32 for tensor in (query, value, rel_rows)):
        return f"tensors are {str(query.dtype).removeprefix('torch.')}, not float32"
    try:
        load_library(SOURCE)
    except CannotCompileError as error:
        return str(error)
    return None


def forward(
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    *,
    kernel_size: int,
    scale: float,
    padding: WindowPadding,
) -> tuple[Tensor, Tensor]:
    """Window attention, `naive.local_attention`, without gradients; for what `check_local_attention` accepts.

    Runs on up to `torch.get_num_threads()` threads; how many changes no bit of the result.

    Args:
        query: `(B, H, W, heads, head_dim)`, float32 on a CPU, any strides.
        key: As `query`, or None.
        value: `(B, H, W, heads, value_dim)`.
        rel_rows: `(kernel_size, head_dim)` or `(heads, kernel_size, head_dim)`, or None.
        rel_cols: As `rel_rows`; both or neither.
        kernel_size: Side of the window in pixels, odd.
        scale: Factor of all logits.
        padding: What a key beyond the edge is.

    Returns:
        The attention, `(B, H, W, heads, value_dim)`, in memory as `like_map(value)`; and the natural
        logarithms of the sums of the exponential logits, `(B, H, W, heads)`, contiguous.

    Raises:
        MemoryError: There is not enough memory for the copy of one head per thread.
    """
    out, lse = like_map(value), value.new_empty(value.shape[:4])
    job = _job(query, key, value, rel_rows, rel_cols, kernel_size, scale, padding)
    job.out, job.lse = _map(out), _map(lse.unsqueeze(-1))
    _call("local_attention_forward", job)
    return out, lse


def backward(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    lse: Tensor,
    *,
    kernel_size: int,
    scale: float,
    padding: WindowPadding,
) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None, Tensor | None]:
    """The gradients of `forward`; it computes the weights of the softmax again.

    Args:
        grad_out: The gradient of the attention, of its shape, any strides.
        query: As for `forward`.
        key: As for `forward`.
        value: As for `forward`.
        rel_rows: As for `forward`.
        rel_cols: As for `forward`.
        lse: What `forward` returned.
        kernel_size: As for `forward`.
        scale: As for `forward`.
        padding: As for `forward`.

    Returns:
        The gradients of query, key, value, rel_rows and rel_cols, None for what is None; those of maps lie
        in memory as `like_map` of them, those of tables are contiguous.

    Raises:
        MemoryError: There is not enough memory for the copy of one head per thread.
    """
    job = _job(query, key, value, rel_rows, rel_cols, kernel_size, scale, padding)
    job.lse, job.grad_out = _map(lse.unsqueeze(-1)), _map(grad_out)
    grad_query, grad_value = like_map(query), like_map(value)
    job.grad_query, job.grad_value = _map(grad_query), _map(grad_value)
    grad_key = grad_rows = grad_cols = None
    if key is not None:
        grad_key = like_map(key)
        job.grad_key = _map(grad_key)
    if rel_rows is not None and rel_cols is not None:
        grad_rows, grad_cols = rel_rows.new_zeros(rel_rows.shape), rel_cols.new_zeros(rel_cols.shape)
        job.grad_rel_rows, job.grad_rel_cols = _table(grad_rows), _table(grad_cols)
    _call("local_attention_backward", job)
    return grad_query, grad_key, grad_value, grad_rows, grad_cols


def like_map(heads: Tensor) -> Tensor:
    """An empty tensor for a map: channels first in memory where `heads` is so, channels last otherwise.

    Merging its heads then gives a contiguous or a channels_last map without a copy, like the map that
    `heads` was split from.

    Args:
        heads: `(B, H, W, heads, head_dim)`.
    """
    batch, height, width, count, channels = heads.shape
    if heads.stride(4) != 1 and heads.stride(2) == 1:
        return heads.new_empty(batch, count, channels, height, width).permute(0, 3, 4, 1, 2)
    return heads.new_empty(heads.shape)


def _job(
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    kernel_size: int,
    scale: float,
    padding: WindowPadding,
) -> _Attention:
    sizes = (*query.shape, value.shape[4], kernel_size, padding == "zeros", torch.get_num_threads())
    job = _Attention(*sizes, scale, _map(query), _Map() if key is None else _map(key), _map(value))
    if rel_rows is not None and rel_cols is not None:
        job.rel_rows, job.rel_cols = _table(rel_rows), _table(rel_cols)
    return job


def _map(heads: Tensor) -> _Map:
    return _Map(heads.data_ptr(), heads.stride())


def _table(table: Tensor) -> _Map:
    head = table.stride(0) if table.dim() == 3 else 0
    return _Map(table.data_ptr(), (0, table.stride(-2), 0, head, table.stride(-1)))


def _call(name: str, job: _Attention) -> None:
    if load_library(SOURCE)[name](ctypes.byref(job)):
        raise MemoryError(f"no memory for window attention of {job.height}x{job.width} maps")
