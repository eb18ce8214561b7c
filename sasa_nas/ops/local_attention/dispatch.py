"""Choice of the form of window attention."""

from typing import Literal, cast, get_args

import torch
from torch import Tensor

from sasa_nas.ops.arguments import autocast, refuse_forward_mode
from sasa_nas.ops.backends import BACKEND_VARIABLE, requested_backend
from sasa_nas.ops.local_attention import dense, naive
from sasa_nas.ops.local_attention.forms import FORMS, Form, best_form, form_cannot
from sasa_nas.ops.local_attention.library import local_attention_operator
from sasa_nas.ops.local_attention.naive import WindowPadding, check_local_attention
from sasa_nas.ops.local_attention.problem import Problem

Backend = Literal["auto", "naive", "dense", "slices", "cpu", "triton"]
"""`auto` chooses; `naive` lays windows out in memory, `dense` looks at all pairs of pixels; else see `forms.Form`."""

DENSE_PAIRS = 4
"""Windows of pairs up to which the dense form is faster than the other forms in plain PyTorch."""


def local_attention(
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None = None,
    rel_cols: Tensor | None = None,
    *,
    kernel_size: int,
    stride: int = 1,
    scale: float = 1.0,
    padding: WindowPadding = "mask",
    backend: Backend = "auto",
) -> Tensor:
    """Attention of every pixel to the window around it, in the form that is the fastest for this map and device.

    Under autocast tensors of float32 become autocast's type, as they do for torch's own attention.

    Args:
        query: `(B, H, W, heads, head_dim)`, any floating type, any strides.
        key: Keys, of the shape of `query`, or None: the logits are then those of the relative embeddings alone.
        value: `(B, H, W, heads, value_dim)`; `value_dim` may differ from `head_dim`.
        rel_rows: `(kernel_size, head_dim)` or `(heads, kernel_size, head_dim)`, or None.
        rel_cols: Embeddings of the column offsets, of the shape of `rel_rows`; both or neither.
        kernel_size: Side of the window in pixels, odd.
        stride: Distance of the pixels that attend, from the first on; all pixels are attended to.
        scale: Factor of all logits.
        padding: Treatment of keys beyond the edge: absent from the softmax (`mask`) or a zero vector (`zeros`).
        backend: The form to take; where it is `auto`, the variable SASA_NAS_BACKEND of the environment may name one.

    Returns:
        `(B, ceil(H / stride), ceil(W / stride), heads, value_dim)` of the type of `value`; see
        `naive.local_attention` for the equation.

    Raises:
        ValueError: An argument's shape, type, device or value does not fit, or the backend cannot run; the message
            names it.
        NotImplementedError: Forward-mode derivatives, or derivatives of derivatives, of forms that have none.
    """
    query, value = autocast(query), autocast(value)
    key, rel_rows, rel_cols = (None if tensor is None else autocast(tensor) for tensor in (key, rel_rows, rel_cols))
    check_local_attention(query, key, value, rel_rows, rel_cols, kernel_size, stride, padding)
    asked = requested_backend(backend, get_args(Backend))
    centres = query[:, ::stride, ::stride]
    if asked == "auto" and not torch.compiler.is_compiling():
        # what a compiler traces is settled when it runs
        problem = Problem(centres, key, value, rel_rows, rel_cols, kernel_size, stride, scale, padding)
        asked = "dense" if choose_backend(problem) == "dense" else "auto"
    if asked in ("naive", "dense"):
        form = naive.local_attention if asked == "naive" else dense.dense_local_attention
        return form(
            query, key, value, rel_rows, rel_cols, kernel_size=kernel_size, stride=stride, scale=scale, padding=padding
        )
    refuse_forward_mode("local_attention", query, key, value, rel_rows, rel_cols)
    out: Tensor = local_attention_operator(
        centres, key, value, rel_rows, rel_cols, kernel_size, stride, scale, padding, asked
    )[0]
    return out


def can_run(backend: Backend, problem: Problem) -> str | None:
    """Return the reason why a backend cannot compute a problem, in a few words; None if it can.

    Args:
        backend: Name of the backend.
        problem: Problem, of which types, devices and shapes are read, not values.
    """
    return None if backend in ("auto", "naive", "dense") else form_cannot(cast("Form", backend), problem)


def choose_backend(problem: Problem) -> Backend:
    """Return the backend of `auto`: kernels, else compiled loops, else the faster of two forms in plain PyTorch."""
    best = best_form(problem)
    if problem.value.is_meta:
        return best  # nothing is computed: the operator shows what it keeps for its backward on any device
    height, width = problem.value.shape[1:3]
    margin = problem.kernel_size - 1 if problem.padding == "zeros" else 0
    pairs = (height + margin) * (width + margin)
    return "dense" if best == "slices" and pairs <= DENSE_PAIRS * problem.kernel_size**2 else best


def explain_choice(device: torch.device) -> tuple[Backend, str]:
    """Return the form that runs float32 attention with windows of 7 x 7 on maps of 28 x 28 on a device, and why.

    Args:
        device: One that tensors can be made on.

    Raises:
        ValueError: SASA_NAS_BACKEND names no backend.
    """
    maps = torch.empty(1, 28, 28, 1, 16, device=device)
    sample = Problem(maps, maps, maps, None, None, kernel_size=7, stride=1, scale=1.0, padding="mask")
    asked = cast("Backend", requested_backend("auto", get_args(Backend)))
    if asked != "auto":
        why = can_run(asked, sample)
        return asked, f"{BACKEND_VARIABLE} says so" + ("" if why is None else f", but it cannot run: {why}")
    reasons = [(form, form_cannot(form, sample)) for form in FORMS]
    refused = [f"{form} cannot run: {why}" for form, why in reasons if why is not None]
    return choose_backend(sample), "; ".join(refused) or "the fastest there is"
