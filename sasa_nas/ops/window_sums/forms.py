"""The forms of the sums over windows, and which of them can run."""

from typing import Literal, cast, get_args

import torch
from torch import Tensor

from sasa_nas.ops.backends import BACKEND_VARIABLE, requested_backend
from sasa_nas.ops.triton_device import triton_cannot
from sasa_nas.ops.window_sums.cpu import LOOPS, cpu_cannot
from sasa_nas.ops.window_sums.slices import SLICES
from sasa_nas.ops.window_sums.sums import WindowSums
from sasa_nas.ops.windows import is_small_map

Form = Literal["triton", "cpu", "slices"]
"""Kernels on a GPU, compiled loops on a CPU, and plain PyTorch anywhere: the first that can run is the fastest."""

Backend = Literal["auto", "naive", "slices", "cpu", "triton"]
"""Backends of relation and aggregation: `auto` chooses, `naive` lays windows out in memory."""

FORMS: tuple[Form, ...] = ("triton", "cpu", "slices")


def form_cannot(form: Form, device: torch.device, dtype: torch.dtype) -> str | None:
    """Return the reason why a form cannot run, in a few words; None if it can.

    Args:
        form: Name of the form.
        device: Device of the tensors.
        dtype: Type of the tensors.
    """
    match form:
        case "slices":
            return None
        case "cpu":
            return cpu_cannot(device, dtype)
        case "triton":
            return triton_cannot(device, dtype)


def best_form(device: torch.device, dtype: torch.dtype) -> Form:
    """Return the first of `FORMS` that can run."""
    return next(form for form in FORMS if form_cannot(form, device, dtype) is None)


def sums_by(form: str, maps: Tensor) -> WindowSums:
    """Return the sums by a form, for maps like this one.

    Args:
        form: A `Form`, or `auto` for the best that can run.
        maps: Maps, of which type and device are read.

    Raises:
        ValueError: The form cannot run.
    """
    device, dtype = maps.device, maps.dtype
    asked = best_form(device, dtype) if form == "auto" else cast("Form", form)
    why = form_cannot(asked, device, dtype)
    if why is not None:
        raise ValueError(f"backend {form!r} cannot run: {why}")
    if asked == "triton":
        from sasa_nas.ops.window_sums.triton_launch import KERNELS

        return KERNELS
    return LOOPS if asked == "cpu" else SLICES


def chosen_backend(backend: Backend, maps: Tensor) -> Backend:
    """Return the form that a call asks for: `naive`, a form, or `auto` for the best form when the operator runs.

    Args:
        backend: The argument; where it is `auto`, the variable SASA_NAS_BACKEND of the environment may name one.
        maps: `(B, C, H, W)` of the call.

    Raises:
        ValueError: The argument or the variable names none.
    """
    asked = cast("Backend", requested_backend(backend, get_args(Backend)))
    # what a compiler traces is settled when it runs; on the meta device nothing is computed
    if asked != "auto" or torch.compiler.is_compiling() or maps.is_meta:
        return asked
    # plain PyTorch has a form for small maps that beats slices
    plain = best_form(maps.device, maps.dtype) == "slices" and is_small_map(*maps.shape[2:])
    return "naive" if plain else "auto"


def explain_choice(device: torch.device) -> tuple[Backend, str]:
    """Return the form that computes windows of float32 maps of 28 x 28 on a device, and why.

    Args:
        device: One that tensors can be made on.

    Raises:
        ValueError: SASA_NAS_BACKEND names no backend.
    """
    asked = cast("Backend", requested_backend("auto", get_args(Backend)))
    if asked != "auto":
        why = None if asked == "naive" else form_cannot(asked, device, torch.float32)
        return asked, f"{BACKEND_VARIABLE} says so" + ("" if why is None else f", but it cannot run: {why}")
    reasons = [(form, form_cannot(form, device, torch.float32)) for form in FORMS]
    refused = [f"{form} cannot run: {why}" for form, why in reasons if why is not None]
    return best_form(device, torch.float32), "; ".join(refused) or "the fastest there is"
