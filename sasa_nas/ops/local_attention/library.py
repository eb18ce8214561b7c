"""Window attention as operators of torch's library: one node for autograd, compilers, export and FLOP counters.

`sasa_nas::local_attention` keeps the log-sum-exp of each query's logits instead of its weights; its backward is an
operator too, which computes the weights again. Which form computes them is settled when an operator runs, so that a
network exported on a CPU runs on the kernels of the GPU that it is loaded on.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import cast

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from sasa_nas.ops.differentiation import register_gradients
from sasa_nas.ops.local_attention.forms import (
    Form,
    best_form,
    form_cannot,
    output_like,
    run_backward,
    run_forward,
    sum_dtype,
)
from sasa_nas.ops.local_attention.naive import WindowPadding, attend_to_windows, window_logits
from sasa_nas.ops.local_attention.problem import Problem

Size = Sequence[int]
"""A tensor's shape, as FLOP formulas get it."""


@torch.library.custom_op("sasa_nas::local_attention", mutates_args=())
def local_attention_operator(
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    kernel_size: int,
    stride: int,
    scale: float,
    padding: str,
    form: str,
) -> tuple[Tensor, Tensor]:
    """Window attention and its log-sum-exp; see `forms.run_forward`. A `form` of `auto` is the best that can run."""
    problem = _problem(query, key, value, rel_rows, rel_cols, kernel_size, stride, scale, padding)
    return run_forward(_form(form, problem), problem)


@torch.library.custom_op("sasa_nas::local_attention_backward", mutates_args=())
def local_attention_backward_operator(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    out: Tensor,
    lse: Tensor,
    kernel_size: int,
    stride: int,
    scale: float,
    padding: str,
    form: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of query, key, value, rel_rows and rel_cols; see `forms.run_backward`. Those of None are empty."""
    problem = _problem(query, key, value, rel_rows, rel_cols, kernel_size, stride, scale, padding)
    gradients = run_backward(_form(form, problem), problem, out, lse, grad_out)
    first, second, third, fourth, fifth = (value.new_empty(0) if grad is None else grad for grad in gradients)
    return first, second, third, fourth, fifth


def _problem(
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    kernel_size: int,
    stride: int,
    scale: float,
    padding: str,
) -> Problem:
    return Problem(query, key, value, rel_rows, rel_cols, kernel_size, stride, scale, cast("WindowPadding", padding))


def _form(form: str, problem: Problem) -> Form:
    """Return the form that runs.

    Raises:
        ValueError: The one asked for cannot.
    """
    if form == "auto":
        return best_form(problem)
    asked = cast("Form", form)
    why = form_cannot(asked, problem)
    if why is not None:
        raise ValueError(f"backend {form!r} cannot run: {why}")
    return asked


@local_attention_operator.register_fake
def _fake(
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    kernel_size: int,
    stride: int,
    scale: float,
    padding: str,
    form: str,
) -> tuple[Tensor, Tensor]:
    return output_like(value, stride), query.new_empty(query.shape[:4], dtype=sum_dtype(query))


@local_attention_backward_operator.register_fake
def _fake_backward(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    out: Tensor,
    lse: Tensor,
    kernel_size: int,
    stride: int,
    scale: float,
    padding: str,
    form: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    none = value.new_empty(0)
    return (
        output_like(query),
        none if key is None else output_like(key),
        output_like(value),
        value.new_empty(0) if rel_rows is None else rel_rows.new_empty(rel_rows.shape),
        value.new_empty(0) if rel_cols is None else rel_cols.new_empty(rel_cols.shape),
    )


register_gradients(
    "local_attention", local_attention_operator, local_attention_backward_operator, tensors=5, keeps_outputs=True
)


def local_attention_decompositions() -> dict[Callable[..., object], Callable[..., tuple[Tensor, Tensor]]]:
    """Return the operator in terms of torch's own, for `ExportedProgram.run_decompositions`; ONNX needs it."""
    return {torch.ops.sasa_nas.local_attention.default: _decomposed}


def _decomposed(
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    kernel_size: int,
    stride: int,
    scale: float,
    padding: WindowPadding,
    form: str,
) -> tuple[Tensor, Tensor]:
    logits = window_logits(query, key, rel_rows, rel_cols, value.shape[1:3], kernel_size, stride, scale, padding)
    return attend_to_windows(logits, value, kernel_size, stride), logits.flatten(-2).logsumexp(-1)


def _macs(query: Size, key: Size | None, value: Size, table: Size | None, kernel_size: int) -> tuple[int, int]:
    """Multiply-accumulates of the logits and of the weighted sum: one product a term for every offset, at edges too."""
    pairs = prod(query[:4]) * kernel_size**2
    return pairs * query[4] * ((key is not None) + (table is not None)), pairs * value[4]


@register_flop_formula(torch.ops.sasa_nas.local_attention)
def _flops(
    query: Size,
    key: Size | None,
    value: Size,
    rel_rows: Size | None,
    rel_cols: Size | None,
    kernel_size: int,
    *others: object,
    out_shape: object = None,
) -> int:
    return 2 * sum(_macs(query, key, value, rel_rows, kernel_size))


@register_flop_formula(torch.ops.sasa_nas.local_attention_backward)
def _flops_backward(
    grad_out: Size,
    query: Size,
    key: Size | None,
    value: Size,
    rel_rows: Size | None,
    rel_cols: Size | None,
    out: Size,
    lse: Size,
    kernel_size: int,
    *others: object,
    out_shape: object = None,
) -> int:
    logits, weighted = _macs(query, key, value, rel_rows, kernel_size)
    # the logits again, and two products for each of the forward pass, as torch counts its own attention
    return 2 * (3 * logits + 2 * weighted)
