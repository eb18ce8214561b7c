"""Choice of the form of whole-map attention."""

from typing import Literal, cast, get_args

import torch
from torch import Tensor

from sasa_nas.ops.arguments import autocast, refuse_forward_mode
from sasa_nas.ops.backends import BACKEND_VARIABLE, requested_backend
from sasa_nas.ops.global_attention import naive
from sasa_nas.ops.global_attention.forms import FORMS, GlobalForm, best_form, form_cannot, form_refused
from sasa_nas.ops.global_attention.library import global_attention_operator
from sasa_nas.ops.global_attention.naive import check_global_attention
from sasa_nas.ops.global_attention.problem import GlobalProblem

GlobalBackend = Literal["auto", "naive", "fused", "blocks", "cpu", "triton"]
"""`auto` chooses; `naive` holds all logits in memory; else see `forms.GlobalForm`."""

NAIVE_PIXELS = 64
"""Pixels of a map on a CPU up to which holding all logits is the fastest where loops are not."""


def global_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rel_rows: Tensor | None = None,
    rel_cols: Tensor | None = None,
    *,
    scale: float,
    backend: GlobalBackend = "auto",
) -> Tensor:
    """Attention of every pixel to all pixels of the map, in the form that is the fastest for this map and device.

    Under autocast tensors of float32 become autocast's type, as they do for torch's own attention.

    Args:
        query: `(B, H, W, heads, head_dim)`, any floating type, any strides.
        key: Keys, of the shape of `query`.
        value: `(B, H, W, heads, value_dim)`; `value_dim` may differ from `head_dim`.
        rel_rows: `(2H - 1, head_dim)`, shared by the heads, or None.
        rel_cols: `(2W - 1, head_dim)`; both or neither.
        scale: Factor of all logits, as a rule `head_dim**-0.5`.
        backend: The form to take; where it is `auto`, the variable SASA_NAS_BACKEND of the environment may name one.

    Returns:
        `(B, H, W, heads, value_dim)` of the type of `value`; see `naive.global_attention` for the equation.

    Raises:
        ValueError: An argument's shape, type or device does not fit, or the backend cannot run; the message names it.
        NotImplementedError: Forward-mode derivatives, or derivatives of derivatives, of forms that have none.
    """
    query, key, value = autocast(query), autocast(key), autocast(value)
    rel_rows, rel_cols = (None if table is None else autocast(table) for table in (rel_rows, rel_cols))
    check_global_attention(query, key, value, rel_rows, rel_cols)
    asked = requested_backend(backend, get_args(GlobalBackend))
    if asked == "auto" and not torch.compiler.is_compiling():
        # what a compiler traces is settled when it runs
        problem = GlobalProblem(query, key, value, rel_rows, rel_cols, scale)
        asked = "naive" if choose_backend(problem) == "naive" else "auto"
    if asked == "naive":
        return naive.global_attention(query, key, value, rel_rows, rel_cols, scale=scale)
    refuse_forward_mode("global_attention", query, key, value, rel_rows, rel_cols)
    out: Tensor = global_attention_operator(query, key, value, rel_rows, rel_cols, scale, asked)[0]
    return out


def can_run(backend: GlobalBackend, problem: GlobalProblem) -> str | None:
    """Return the reason why a backend cannot compute a problem, in a few words; None if it can.

    Args:
        backend: Name of the backend.
        problem: Problem, of which types, devices and shapes are read, not values.
    """
    return None if backend in ("auto", "naive") else form_cannot(cast("GlobalForm", backend), problem)


def choose_backend(problem: GlobalProblem) -> GlobalBackend:
    """Return the backend that `auto` means: kernels; on a CPU loops, for wide heads few logits in memory or fused."""
    best = best_form(problem)
    height, width = problem.query.shape[1:3]
    few = problem.query.device.type == "cpu" and height * width <= NAIVE_PIXELS
    return "naive" if few and best in ("fused", "blocks") else best


def explain_choice(device: torch.device, side: int = 14) -> tuple[GlobalBackend, str]:
    """Return the form that runs float32 attention over square maps on a device, with 8 heads of 20 channels, and why.

    Args:
        device: One that tensors can be made on.
        side: Side of the maps in pixels.

    Raises:
        ValueError: SASA_NAS_BACKEND names no backend.
    """
    maps, table = torch.empty(1, side, side, 8, 20, device=device), torch.empty(2 * side - 1, 20, device=device)
    sample = GlobalProblem(maps, maps, maps, table, table, scale=1.0)
    asked = cast("GlobalBackend", requested_backend("auto", get_args(GlobalBackend)))
    if asked != "auto":
        why = can_run(asked, sample)
        return asked, f"{BACKEND_VARIABLE} says so" + ("" if why is None else f", but it cannot run: {why}")
    best = best_form(sample)
    refused = [form_refused(form, sample) for form in FORMS[: FORMS.index(best)]]
    return choose_backend(sample), "; ".join(why for why in refused if why is not None) or "the fastest there is"
