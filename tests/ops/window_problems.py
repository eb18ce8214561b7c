"""Problems of window attention for the compiled loops, and the plain form in float64 that they are held against."""

import torch
from torch import Tensor

from sasa_nas.ops.local_attention import naive as plain
from sasa_nas.ops.local_attention.cpu import cpu_backward, cpu_forward
from sasa_nas.ops.local_attention.naive import WindowPadding
from sasa_nas.ops.local_attention.problem import Problem

TENSORS = ("query", "key", "value", "rel_rows", "rel_cols")
MANY = 33
"""Images whose two heads are more than four groups of sixteen, the last of which is not full."""


def problem_of(
    size: tuple[int, int],
    kernel_size: int,
    *,
    batch: int = 1,
    heads: int = 2,
    key_dim: int = 3,
    value_dim: int = 5,
    terms: str = "both",
    per_head: bool = False,
    scale: float = 0.7,
    padding: WindowPadding = "mask",
) -> Problem:
    """Random float32 numbers from a fixed seed."""
    generator = torch.Generator().manual_seed(3)
    table = (heads, kernel_size, key_dim) if per_head else (kernel_size, key_dim)
    shapes = [(batch, *size, heads, dim) for dim in (key_dim, key_dim, value_dim)] + [table, table]
    query, key, value, rows, cols = (torch.randn(shape, generator=generator) for shape in shapes)
    relative = terms != "content"
    return Problem(
        query,
        key if terms != "relative" else None,
        value,
        rows if relative else None,
        cols if relative else None,
        kernel_size,
        1,
        scale,
        padding,
    )


def gradient_for(problem: Problem) -> Tensor:
    return torch.randn(problem.value.shape, generator=torch.Generator().manual_seed(4))


def tensors_of(problem: Problem) -> list[Tensor | None]:
    return [getattr(problem, name) for name in TENSORS]


def by_loops(problem: Problem, grad_out: Tensor) -> list[Tensor]:
    """The output, and the gradients of all tensors that there are."""
    out, lse = cpu_forward(problem)
    return [out, *(grad for grad in cpu_backward(problem, out, lse, grad_out) if grad is not None)]


def plainly(problem: Problem, grad_out: Tensor) -> list[Tensor]:
    """As `by_loops`, by the plain form in float64 and autograd."""
    tensors = [None if tensor is None else tensor.double().requires_grad_() for tensor in tensors_of(problem)]
    out = plain.local_attention(*tensors, kernel_size=problem.kernel_size, scale=problem.scale, padding=problem.padding)
    present = [tensor for tensor in tensors if tensor is not None]
    return [out.detach(), *torch.autograd.grad(out, present, grad_out.double())]


def assert_same(problem: Problem, grad_out: Tensor | None = None, tolerance: float = 3e-6) -> None:
    """Errors are relative to the largest number of a tensor, but for those that are zero but for rounding."""
    grad_out = gradient_for(problem) if grad_out is None else grad_out
    for ours, exact in zip(by_loops(problem, grad_out), plainly(problem, grad_out), strict=True):
        assert ours.shape == exact.shape
        assert torch.equal(ours.isnan(), exact.isnan())
        size = exact.nan_to_num().abs().max().item()
        torch.testing.assert_close(ours.double(), exact, rtol=0, atol=tolerance * max(size, 1.0), equal_nan=True)


def channels_first(heads: Tensor) -> Tensor:
    return heads.permute(0, 3, 4, 1, 2).contiguous().permute(0, 3, 4, 1, 2)


def gaps(heads: Tensor) -> Tensor:
    """The same numbers with others between them."""
    wide = torch.full([2 * size for size in heads.shape], torch.nan)
    wide[::2, ::2, ::2, ::2, ::2] = heads
    return wide[::2, ::2, ::2, ::2, ::2]


def transposed(heads: Tensor) -> Tensor:
    return heads.transpose(1, 2).contiguous().transpose(1, 2)
