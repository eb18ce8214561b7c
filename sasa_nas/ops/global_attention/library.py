"""Whole-map attention as operators of torch's library: one node for autograd, compilers, export and FLOP counters.

As with window attention the log-sum-exp is kept, the backward is an operator too, and which form computes them is
settled when an operator runs.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import cast

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from sasa_nas.ops.differentiation import register_gradients
from sasa_nas.ops.global_attention.forms import GlobalForm, best_form, form_cannot, run_backward, run_forward
from sasa_nas.ops.global_attention.naive import attend_to_map, map_logits
from sasa_nas.ops.global_attention.problem import GlobalProblem
from sasa_nas.ops.local_attention.forms import output_like, sum_dtype

Size = Sequence[int]
"""A tensor's shape, as FLOP formulas get it."""


@torch.library.custom_op("sasa_nas::global_attention", mutates_args=())
def global_attention_operator(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    scale: float,
    form: str,
) -> tuple[Tensor, Tensor]:
    """Whole-map attention and its log-sum-exp; see `forms.run_forward`. A `form` of `auto` is the best that can run."""
    problem = GlobalProblem(query, key, value, rel_rows, rel_cols, scale)
    return run_forward(_form(form, problem), problem)


@torch.library.custom_op("sasa_nas::global_attention_backward", mutates_args=())
def global_attention_backward_operator(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    out: Tensor,
    lse: Tensor,
    scale: float,
    form: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of query, key, value, rel_rows and rel_cols; see `forms.run_backward`. Those of None are empty."""
    problem = GlobalProblem(query, key, value, rel_rows, rel_cols, scale)
    *maps, rows, cols = run_backward(_form(form, problem), problem, out, lse, grad_out)
    grad_query, grad_key, grad_value = maps
    none = value.new_empty(0)
    return (
        grad_query,
        grad_key,
        grad_value,
        none if rows is None else rows,
        value.new_empty(0) if cols is None else cols,
    )


def _form(form: str, problem: GlobalProblem) -> GlobalForm:
    """Return the form that runs.

    Raises:
        ValueError: The one asked for cannot.
    """
    if form == "auto":
        return best_form(problem)
    asked = cast("GlobalForm", form)
    why = form_cannot(asked, problem)
    if why is not None:
        raise ValueError(f"backend {form!r} cannot run: {why}")
    return asked


@global_attention_operator.register_fake
def _fake(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    scale: float,
    form: str,
) -> tuple[Tensor, Tensor]:
    return output_like(value), query.new_empty(query.shape[:4], dtype=sum_dtype(query))


@global_attention_backward_operator.register_fake
def _fake_backward(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    out: Tensor,
    lse: Tensor,
    scale: float,
    form: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return (
        output_like(query),
        output_like(key),
        output_like(value),
        value.new_empty(0) if rel_rows is None else rel_rows.new_empty(rel_rows.shape),
        value.new_empty(0) if rel_cols is None else rel_cols.new_empty(rel_cols.shape),
    )


register_gradients(
    "global_attention", global_attention_operator, global_attention_backward_operator, tensors=5, keeps_outputs=True
)


def global_attention_decompositions() -> dict[Callable[..., object], Callable[..., tuple[Tensor, Tensor]]]:
    """Return the operator in terms of torch's own, for `ExportedProgram.run_decompositions`; ONNX needs it."""
    return {torch.ops.sasa_nas.global_attention.default: _decomposed}


def _decomposed(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    scale: float,
    form: str,
) -> tuple[Tensor, Tensor]:
    logits = map_logits(query, key, rel_rows, rel_cols, scale)
    return attend_to_map(logits, value), logits.flatten(-2).logsumexp(-1).permute(0, 2, 3, 1)


def _macs(query: Size, value: Size, table: Size | None) -> tuple[int, int, int]:
    """Multiply-accumulates of all pairs' logits, of the queries with the tables, and of the weighted sum."""
    _, height, width, _, depth = query
    pixels, vectors = height * width, prod(query[:4])
    offsets = 0 if table is None else 2 * height - 1 + 2 * width - 1
    return vectors * pixels * depth, vectors * offsets * depth, vectors * pixels * value[4]


@register_flop_formula(torch.ops.sasa_nas.global_attention)
def _flops(
    query: Size, key: Size, value: Size, rel_rows: Size | None, *others: object, out_shape: object = None
) -> int:
    return 2 * sum(_macs(query, value, rel_rows))


@register_flop_formula(torch.ops.sasa_nas.global_attention_backward)
def _flops_backward(
    grad_out: Size,
    query: Size,
    key: Size,
    value: Size,
    rel_rows: Size | None,
    *others: object,
    out_shape: object = None,
) -> int:
    content, relative, weighted = _macs(query, value, rel_rows)
    # the logits again, and two products for each of the forward pass, as torch counts its own attention
    return 2 * (3 * (content + relative) + 2 * weighted)
