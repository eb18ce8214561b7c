"""The forms of the sums over windows, and which of them can run."""

from typing import Literal, cast

import torch
from torch import Tensor

from sasa_nas.ops.triton_device import triton_cannot
from sasa_nas.ops.window_sums.cpu import LOOPS, cpu_cannot
from sasa_nas.ops.window_sums.slices import SLICES
from sasa_nas.ops.window_sums.sums import WindowSums

Form = Literal["triton", "cpu", "slices"]
"""Kernels on a GPU, compiled loops on a CPU, and plain PyTorch anywhere: the first that can run is the fastest."""

FORMS: tuple[Form, ...] = ("triton", "cpu", "slices")


def form_cannot(form: Form, device: torch.device, dtype: torch.dtype) -> str | None:
    """Why a form cannot run, in a few words; None where it can.

    Args:
        form: Which one.
        device: Where the tensors are.
        dtype: Their type.
    """
    match form:
        case "slices":
            return None
        case "cpu":
            return cpu_cannot(device, dtype)
        case "triton":
            return triton_cannot(device, dtype)


def best_form(device: torch.device, dtype: torch.dtype) -> Form:
    """The first of `FORMS` that can run."""
    return next(form for form in FORMS if form_cannot(form, device, dtype) is None)


def sums_by(form: str, maps: Tensor) -> WindowSums:
    """The sums by a form, for maps like this one.

    Args:
        form: A `Form`, or `auto` for the best that can run.
        maps: Its type and device are looked at.

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
