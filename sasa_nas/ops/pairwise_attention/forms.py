"""The forms of pairwise attention, and which of them can run."""

from typing import Literal

import torch
from torch import Tensor

from sasa_nas.ops.pairwise_attention.composed import composed_backward, composed_forward
from sasa_nas.ops.pairwise_attention.cpu import cpu_backward, cpu_cannot, cpu_forward
from sasa_nas.ops.pairwise_attention.problem import Gradients, Outcome, Problem
from sasa_nas.ops.pairwise_attention.triton_plan import kernels_cannot
from sasa_nas.ops.window_sums.forms import form_cannot as window_sums_cannot

Form = Literal["triton", "cpu", "composed"]
"""Kernels on a GPU, compiled loops on a CPU, a composition of operators anywhere: the first that can run is best."""

FORMS: tuple[Form, ...] = ("triton", "cpu", "composed")


def form_cannot(form: Form, problem: Problem) -> str | None:
    """Return the reason why a form cannot compute a problem, in a few words; None if it can.

    Args:
        form: Name of the form.
        problem: Problem, of which types, devices and shapes are read, not values.
    """
    device, dtype = problem.query.device, problem.query.dtype
    match form:
        case "composed":
            return None
        case "cpu":
            return window_sums_cannot("cpu", device, dtype) or cpu_cannot()
        case "triton":
            return kernels_cannot(problem)


def best_form(problem: Problem) -> Form:
    """Return the first of `FORMS` that can compute a problem."""
    return next(form for form in FORMS if form_cannot(form, problem) is None)


def sum_dtype(query: Tensor) -> torch.dtype:
    """Return the type of the log-sum-exp: float64 for maps of float64, else float32."""
    return torch.float64 if query.dtype == torch.float64 else torch.float32


def run_forward(form: Form, problem: Problem) -> Outcome:
    """Compute the attention by one form, without gradients.

    Args:
        form: One that can run.
        problem: Problem to compute.
    """
    with torch.autocast(problem.query.device.type, enabled=False):
        match form:
            case "triton":
                from sasa_nas.ops.pairwise_attention.triton_launch import triton_forward

                return triton_forward(problem)
            case "cpu":
                return cpu_forward(problem)
            case "composed" | "triton":
                return composed_forward(problem)


def run_backward(form: Form, problem: Problem, grad_out: Tensor, outcome: Outcome) -> Gradients:
    """Compute the gradients by one form.

    Args:
        form: One that can run.
        problem: Problem of the forward pass.
        grad_out: The gradient of the attention, any strides.
        outcome: Outcome of `run_forward`.
    """
    with torch.autocast(problem.query.device.type, enabled=False):
        match form:
            case "triton":
                from sasa_nas.ops.pairwise_attention.triton_launch import triton_backward

                return triton_backward(problem, grad_out, outcome)
            case "cpu":
                return cpu_backward(problem, grad_out, outcome)
            case "composed" | "triton":
                return composed_backward(problem, grad_out, outcome.statistics)
