"""The forms of whole-map attention with a backward pass of their own, and which of them runs."""

from typing import Literal

import torch
from torch import Tensor

from sasa_nas.ops.global_attention.blocks import blocks_backward, blocks_forward
from sasa_nas.ops.global_attention.cpu import cpu_backward, cpu_cannot, cpu_forward
from sasa_nas.ops.global_attention.fused import fused_backward, fused_cannot, fused_forward
from sasa_nas.ops.global_attention.problem import GlobalGradients, GlobalProblem
from sasa_nas.ops.global_attention.windowed import windowed_backward, windowed_cannot, windowed_forward
from sasa_nas.ops.local_attention.forms import laid_out, output_like, sum_dtype

GlobalForm = Literal["triton", "cpu", "fused", "blocks"]
"""Window attention's kernels, compiled loops or torch's fused attention on a CPU, plain PyTorch anywhere."""

FORMS: tuple[GlobalForm, ...] = ("triton", "cpu", "fused", "blocks")

MAX_TRITON_TABLE = 2048
"""Numbers of a table, each side a power of two, that a kernel's registers hold, as read off kernels for sm_90."""

MAX_TRITON_SIDE = 32
"""Pixels of the longer side of a map with nearly twice as many offsets that a kernel's registers hold."""

SMALL_PIXELS = 64
"""Pixels of a map up to which kernels of float32 are faster although they compute offsets beyond its edge, and on a CPU
matrix products for wide heads although they hold relative logits of all queries in memory."""

LOOPS_CHANNELS = 24
"""Channels of a head up to which loops are the fastest on any map; more are a matter for matrix products."""


def form_cannot(form: GlobalForm, problem: GlobalProblem) -> str | None:
    """Return the reason why a form cannot compute a problem, in a few words; None if it can.

    Args:
        form: Name of the form.
        problem: Problem, of which types, devices and shapes are read, not values.
    """
    match form:
        case "blocks":
            return None
        case "fused":
            return fused_cannot(problem)
        case "triton" if problem.rel_rows is not None and _fills_registers(problem):
            return f"a table of relative logits has more than {MAX_TRITON_TABLE} numbers or {MAX_TRITON_SIDE} pixels"
        case "triton":
            return windowed_cannot(form, problem)
        case "cpu":
            return cpu_cannot(problem)


def _fills_registers(problem: GlobalProblem) -> bool:
    """Return whether a kernel that holds the tables would spill."""
    side, channels = max(problem.query.shape[1:3]), max(problem.query.shape[4], 16)
    numbers = (1 << (2 * side - 2).bit_length()) * (1 << (channels - 1).bit_length())
    return side > MAX_TRITON_SIDE or numbers > MAX_TRITON_TABLE


def best_form(problem: GlobalProblem) -> GlobalForm:
    """Return the first of `FORMS` that can compute a problem and is meant for its size, as measured."""
    return next(form for form in FORMS if form_refused(form, problem) is None)


def form_refused(form: GlobalForm, problem: GlobalProblem) -> str | None:
    """Return the reason why a form is not the best for a problem unless those after it cannot; None if it is."""
    why = form_cannot(form, problem)
    if why is not None:
        return f"{form} cannot run: {why}"
    _, height, width, _, depth = problem.query.shape
    small = height * width <= SMALL_PIXELS
    if form == "triton" and problem.query.dtype == torch.float32 and not small:
        return f"triton is for float32 on maps of up to {SMALL_PIXELS} pixels"
    wide = max(depth, problem.value.shape[4]) > LOOPS_CHANNELS
    if form == "cpu" and wide and (small or problem.rel_rows is None):
        return (
            f"cpu is for up to {LOOPS_CHANNELS} channels a head, "
            f"or relative logits on maps of more than {SMALL_PIXELS} pixels"
        )
    return None


def run_forward(form: GlobalForm, problem: GlobalProblem) -> tuple[Tensor, Tensor]:
    """Output and log-sum-exp by one form, in memory as window attention's `output_like` and contiguous.

    Args:
        form: One that can run.
        problem: Problem to compute.

    Returns:
        The attention `(B, H, W, heads, value_dim)` of the type of the values, and the natural logarithms of the sums
        of the exponential logits, `(B, H, W, heads)` of window attention's `sum_dtype`.
    """
    with torch.autocast(problem.query.device.type, enabled=False):
        match form:
            case "triton":
                out, lse = windowed_forward(form, problem)
            case "cpu":
                out, lse = cpu_forward(problem)
            case "fused":
                out, lse = fused_forward(problem)
            case "blocks":
                out, lse = blocks_forward(problem)
    return laid_out(out, output_like(problem.value)), lse.to(sum_dtype(problem.query)).contiguous()


def run_backward(
    form: GlobalForm, problem: GlobalProblem, out: Tensor, lse: Tensor, grad_out: Tensor
) -> GlobalGradients:
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
                gradients = windowed_backward(form, problem, out, lse, grad_out)
            case "cpu":
                gradients = cpu_backward(problem, out, lse, grad_out)
            case "fused":
                gradients = fused_backward(problem, out, lse, grad_out)
            case "blocks":
                gradients = blocks_backward(problem, out, lse, grad_out)
    query, key, value, rows, cols = gradients
    return (
        laid_out(query, output_like(problem.query)),
        laid_out(key, output_like(problem.key)),
        laid_out(value, output_like(problem.value)),
        rows,
        cols,
    )
