"""The forms of patchwise attention, and which of them can run."""

from typing import Literal, cast

from torch import Tensor

from sasa_nas.ops.patchwise_attention.composed import composed_backward, composed_forward
from sasa_nas.ops.patchwise_attention.cpu import cpu_backward, cpu_cannot, cpu_forward
from sasa_nas.ops.patchwise_attention.problem import Found, Gradients, Problem
from sasa_nas.ops.patchwise_attention.triton_plan import kernels_cannot
from sasa_nas.ops.window_sums.forms import form_cannot as window_sums_cannot

Form = Literal["triton", "cpu", "composed"]
"""Kernels on a GPU, compiled loops on a CPU, a composition of operators anywhere: the first that can run is fastest."""

FORMS: tuple[Form, ...] = ("triton", "cpu", "composed")


def form_cannot(form: Form, problem: Problem) -> str | None:
    """Return why a form cannot compute a problem, in a few words; None where it can.

    Args:
        form: Name of the form.
        problem: Problem, of which types, devices and shapes are read, not values.
    """
    device, dtype = problem.query.device, problem.query.dtype
    match form:
        case "composed":
            return None
        case "cpu":
            return window_sums_cannot("cpu", device, dtype) or cpu_cannot(problem)
        case "triton":
            return kernels_cannot(problem)


def best_form(problem: Problem) -> Form:
    """Return the first of `FORMS` that can run."""
    return next(form for form in FORMS if form_cannot(form, problem) is None)


def form_of(asked: str, problem: Problem) -> Form:
    """Return the form that runs.

    Args:
        asked: A form, or `auto` for the best that can run.
        problem: Problem to compute.

    Raises:
        ValueError: The form asked for cannot run.
    """
    if asked == "auto":
        return best_form(problem)
    form = cast("Form", asked)
    why = form_cannot(form, problem)
    if why is not None:
        raise ValueError(f"backend {asked!r} cannot run: {why}")
    return form


def run_forward(form: Form, problem: Problem) -> Found:
    """Compute the attention without gradients.

    Args:
        form: One that can run.
        problem: Problem to compute.
    """
    match form:
        case "triton":
            from sasa_nas.ops.patchwise_attention.triton_launch import triton_forward

            return triton_forward(problem)
        case "cpu":
            return cpu_forward(problem)
        case "composed":
            return composed_forward(problem)


def run_backward(form: Form, problem: Problem, found: Found, grad_out: Tensor) -> Gradients:
    """Compute the gradients of `run_forward`.

    Args:
        form: One that can run.
        problem: Problem of the forward pass.
        found: Result of `run_forward`; `out` is not read.
        grad_out: The gradient of the attention.
    """
    match form:
        case "triton":
            from sasa_nas.ops.patchwise_attention.triton_launch import triton_backward

            return triton_backward(problem, found, grad_out)
        case "cpu":
            return cpu_backward(problem, found, grad_out)
        case "composed":
            return composed_backward(problem, found, grad_out)
