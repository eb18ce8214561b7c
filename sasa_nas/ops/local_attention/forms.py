"""The forms of window attention with a backward pass of their own, and which of them can run."""

from math import prod
from typing import Literal

import torch
from torch import Tensor

from sasa_nas.ops.local_attention.cpu import cpu_backward, cpu_cannot, cpu_forward, like_map
from sasa_nas.ops.local_attention.problem import Gradients, Problem
from sasa_nas.ops.local_attention.slices import slices_backward, slices_forward
from sasa_nas.ops.triton_device import triton_cannot

Form = Literal["triton", "cpu", "slices"]
"""Kernels on a GPU, compiled loops on a CPU, and plain PyTorch anywhere: the fastest that can run is the best."""

FORMS: tuple[Form, ...] = ("triton", "cpu", "slices")

MAX_TRITON_DEPTH = 256
"""Channels of a head that a kernel's registers hold."""


def form_cannot(form: Form, problem: Problem) -> str | None:
    """Return the reason why a form cannot compute a problem, in a few words; None if it can.

    Args:
        form: Name of the form.
        problem: Problem, of which types, devices and shapes are read, not values.
    """
    query, value = problem.query, problem.value
    match form:
        case "slices":
            return None
        case "cpu":
            return cpu_cannot(problem)
        case "triton":
            if max(query.shape[4], value.shape[4]) > MAX_TRITON_DEPTH:
                return f"heads have more than {MAX_TRITON_DEPTH} channels"
            if prod(value.shape[:4]) >= 2**31 - 2**12:
                return "a map has 2^31 vectors"
            return triton_cannot(query.device, query.dtype)


def best_form(problem: Problem) -> Form:
    """Return the first of `FORMS` that can compute a problem."""
    return next(form for form in FORMS if form_cannot(form, problem) is None)


def run_forward(form: Form, problem: Problem) -> tuple[Tensor, Tensor]:
    """Output and log-sum-exp by one form, in memory as `output_like` and contiguous.

    Args:
        form: One that can run.
        problem: Problem to compute.

    Returns:
        The attention `(B, H', W', heads, value_dim)` of the type of the values, and the natural logarithms of the sums
        of the exponential logits, `(B, H', W', heads)` of `sum_dtype`.
    """
    with torch.autocast(problem.query.device.type, enabled=False):
        match form:
            case "triton":
                from sasa_nas.ops.local_attention.triton_launch import triton_forward

                out, lse = triton_forward(problem)
            case "cpu":
                out, lse = cpu_forward(problem)
            case "slices":
                out, lse = slices_forward(problem)
    lse = lse.to(sum_dtype(problem.query)).contiguous()
    return laid_out(out, output_like(problem.value, problem.stride)), lse


def run_backward(form: Form, problem: Problem, out: Tensor, lse: Tensor, grad_out: Tensor) -> Gradients:
    """Return the gradients by one form, of maps in memory as `output_like` of them.

    Args:
        form: One that can run.
        problem: Problem of the forward pass.
        out: Result of `run_forward`.
        lse: Log-sum-exp of the logits, from the same call.
        grad_out: The gradient of `out`, in any layout.
    """
    with torch.autocast(problem.query.device.type, enabled=False):
        match form:
            case "triton":
                from sasa_nas.ops.local_attention.triton_launch import triton_backward

                gradients = triton_backward(problem, out, lse, grad_out)
            case "cpu":
                gradients = cpu_backward(problem, out, lse, grad_out)
            case "slices":
                gradients = slices_backward(problem, out, lse, grad_out)
    query, key, value, rows, cols = gradients
    return (
        laid_out(query, output_like(problem.query)),
        None if key is None or problem.key is None else laid_out(key, output_like(problem.key)),
        laid_out(value, output_like(problem.value)),
        rows,
        cols,
    )


def sum_dtype(query: Tensor) -> torch.dtype:
    """Return the type of the log-sum-exp: float32, but float64 for float64, and for float32 on a GPU.

    Its rounding is the largest error of the kernels' backward pass, which computes the weights again from it; with more
    digits they are as exact as torch's own softmax. The loops on a CPU sum in float32.
    """
    wide = query.dtype == torch.float64 or (query.dtype == torch.float32 and query.device.type == "cuda")
    return torch.float64 if wide else torch.float32


def output_like(heads: Tensor, stride: int = 1) -> Tensor:
    """Return an empty tensor for what belongs to the pixels of a map that a stride leaves.

    On a CPU channels come first in memory where they do in `heads`, so that merging heads is a view of a contiguous
    map; kernels on a GPU write channels last.

    Args:
        heads: `(B, H, W, heads, channels)`.
        stride: Distance of the pixels.
    """
    seen = heads[:, ::stride, ::stride]
    return like_map(seen) if heads.device.type == "cpu" else seen.new_empty(seen.shape)


def laid_out(heads: Tensor, place: Tensor) -> Tensor:
    """`heads` if it lies in memory as `place` does, otherwise `place` with its numbers."""
    return heads if heads.stride() == place.stride() else place.copy_(heads)
