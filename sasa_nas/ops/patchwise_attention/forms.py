"""The forms of patchwise attention, and which of them can run."""

from typing import Literal, cast, get_args

import torch
from torch import Tensor

from sasa_nas.ops.backends import BACKEND_VARIABLE, requested_backend
from sasa_nas.ops.mapping.layer import MappingLayer
from sasa_nas.ops.patchwise_attention.composed import composed_backward, composed_forward
from sasa_nas.ops.patchwise_attention.cpu import cpu_backward, cpu_cannot, cpu_forward
from sasa_nas.ops.patchwise_attention.problem import Found, Gradients, Problem

Form = Literal["cpu", "composed"]
"""Compiled loops on a CPU, and relation, mapping and aggregation one after the other anywhere."""

Backend = Literal["auto", "naive", "cpu", "triton"]
"""What a call may ask for: `auto` chooses, `naive` lays windows out in memory."""

FORMS: tuple[Form, ...] = ("cpu", "composed")
"""The first that can run is the fastest."""


def form_cannot(form: str, problem: Problem) -> str | None:
    """Return why a form cannot compute a problem, in a few words; None where it can.

    Args:
        form: Which one.
        problem: Its tensors' types, devices and shapes are looked at, not their numbers.
    """
    match form:
        case "composed":
            return None
        case "cpu":
            return cpu_cannot(problem)
        case _:
            return "there are no kernels for patchwise attention"


def best_form(problem: Problem) -> Form:
    """Return the first of `FORMS` that can run."""
    return next(form for form in FORMS if form_cannot(form, problem) is None)


def form_of(asked: str, problem: Problem) -> Form:
    """Return the form that runs.

    Args:
        asked: A form, or `auto` for the best that can run.
        problem: What it is to compute.

    Raises:
        ValueError: The form asked for cannot run.
    """
    if asked == "auto":
        return best_form(problem)
    why = form_cannot(asked, problem)
    if why is not None:
        raise ValueError(f"backend {asked!r} cannot run: {why}")
    return cast("Form", asked)


def run_forward(form: Form, problem: Problem) -> Found:
    """Compute the attention without gradients.

    Args:
        form: One that can run.
        problem: What to compute.
    """
    return cpu_forward(problem) if form == "cpu" else composed_forward(problem)


def run_backward(form: Form, problem: Problem, found: Found, grad_out: Tensor) -> Gradients:
    """Compute the gradients of `run_forward`.

    Args:
        form: One that can run.
        problem: As it went forward.
        found: What it yielded; `out` is not looked at.
        grad_out: The gradient of the attention.
    """
    return cpu_backward(problem, found, grad_out) if form == "cpu" else composed_backward(problem, grad_out)


def explain_choice(device: torch.device) -> tuple[Form | Backend, str]:
    """Return what computes float32 attention of 28 x 28 maps on a device, and why.

    Args:
        device: One that tensors can be made on.

    Raises:
        ValueError: SASA_NAS_BACKEND names no backend.
    """
    asked = cast("Backend", requested_backend("auto", get_args(Backend)))
    sample = _sample(device)
    if asked != "auto":
        why = None if asked == "naive" else form_cannot(asked, sample)
        return asked, f"{BACKEND_VARIABLE} says so" + ("" if why is None else f", but it cannot run: {why}")
    reasons = [(form, form_cannot(form, sample)) for form in FORMS]
    refused = [f"{form} cannot run: {why}" for form, why in reasons if why is not None]
    return best_form(sample), "; ".join(refused) or "the fastest there is"


def _sample(device: torch.device) -> Problem:
    maps, channels = torch.empty(1, 1, 28, 28, device=device), torch.empty(9, device=device)
    layer = MappingLayer(channels, channels, channels, channels, torch.empty(9, 9, device=device), None, 1e-5)
    return Problem(maps, maps, maps, (layer,), 3, "star")
