"""Choice of the form that computes pairwise attention."""

from collections.abc import Sequence
from math import prod
from typing import Literal, cast, get_args

import torch
from torch import Tensor
from torch.autograd import forward_ad

from sasa_nas.ops.arguments import autocast
from sasa_nas.ops.backends import BACKEND_VARIABLE, requested_backend
from sasa_nas.ops.mapping.layer import BatchStatistics, MappingLayer, check_mapping, check_mapping_types
from sasa_nas.ops.pairwise_attention import naive
from sasa_nas.ops.pairwise_attention.composed import composed_attention
from sasa_nas.ops.pairwise_attention.forms import FORMS, best_form, form_cannot
from sasa_nas.ops.pairwise_attention.library import apply_operator
from sasa_nas.ops.pairwise_attention.problem import Problem
from sasa_nas.ops.relation.naive import PairwiseKind, check_positions, check_relation
from sasa_nas.ops.window_sums.forms import explain_choice as explain_window_sums
from sasa_nas.ops.windows import check_alike

Backend = Literal["auto", "naive", "slices", "cpu", "triton"]
"""`auto` chooses; `naive` and `slices` lay relation and weights out in memory; else see `forms.Form`."""


def pairwise_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mapping: Sequence[MappingLayer],
    *,
    kernel_size: int,
    kind: PairwiseKind,
    positions: int = 0,
    backend: Backend = "auto",
) -> tuple[Tensor, tuple[BatchStatistics, ...]]:
    """Attend from every pixel to each pixel of its window, in the fastest form.

    See `naive.pairwise_attention` for the equation. The fast forms keep no tensor of the windows' size. They take
    mappings of one or two layers, of which the last alone may have a bias; others, and types and devices that they do
    not take, are computed by a composition of operators. Under autocast maps of float32 become autocast's type.

    Args:
        query: `(B, C, H, W)`, any floating type, any strides.
        key: Keys, of the shape of `query`.
        value: `(B, V, H, W)` of the same type; the channels of the weights divide V.
        mapping: Gamma, from the relation's channels (see `relation.naive.pairwise_relation`) to those of the weights.
        kernel_size: Side of the window, odd.
        kind: The comparison delta.
        positions: Number of the last channels of query and key that are subtracted, whatever the kind.
        backend: The form to take; where it is `auto`, the variable SASA_NAS_BACKEND of the environment may name one.

    Returns:
        `(B, V, H, W)`, channels last in memory where the values are so, and the statistics of each norm of gamma that
        used the batch's own, over all pairs.

    Raises:
        ValueError: An argument's shape, type, device or value does not fit, or the backend cannot run; the message
            names it.
        NotImplementedError: Forward-mode derivatives, or derivatives of derivatives, of forms that have none.
    """
    query, key, value = autocast(query), autocast(key), autocast(value)
    problem = Problem(query, key, value, tuple(mapping), kernel_size, kind, positions)
    _check(problem)
    asked = cast("Backend", requested_backend(backend, get_args(Backend)))
    if asked == "naive":
        return naive.pairwise_attention(
            query, key, value, mapping, kernel_size=kernel_size, kind=kind, positions=positions
        )
    if asked == "slices" or (asked == "auto" and _is_composed(problem)):
        return composed_attention(problem, asked)
    if not _has_operator(problem):
        raise ValueError(f"backend {asked!r} takes mappings of one or two layers, the last alone with a bias")
    if _has_tangent(problem):
        raise ValueError(f"backend {asked!r} has no forward-mode derivatives; use backend='naive'")
    return apply_operator(problem, asked)


def _check(problem: Problem) -> None:
    query, value, kind = problem.query, problem.value, problem.kind
    check_relation(query, problem.key, problem.kernel_size, kind, get_args(PairwiseKind))
    check_positions(query, problem.positions)
    check_alike("query", query, "key", problem.key)
    check_alike("query", query, "value", value)
    if value.dim() != 4 or value.shape[0] != query.shape[0] or value.shape[2:] != query.shape[2:] or not value.shape[1]:
        raise ValueError(
            f"value must be (B, V, H, W) with B, H, W of query {tuple(query.shape)}, got {tuple(value.shape)}"
        )
    compared = query.shape[1] - problem.positions
    related = {"concatenation": 2 * compared, "dot": 1}.get(kind, compared) + problem.positions
    check_mapping(problem.mapping, related, None, problem.pairs)
    check_mapping_types(problem.mapping, query)
    if value.shape[1] % problem.weight_channels:
        raise ValueError(
            f"the last weight of mapping must have a number of rows that divides the {value.shape[1]} channels of "
            f"value, got {problem.weight_channels}"
        )


def _has_operator(problem: Problem) -> bool:
    """Return True if the operators of the library can express a problem."""
    return len(problem.mapping) <= 2 and all(layer.bias is None for layer in problem.mapping[:-1])


def _has_tangent(problem: Problem) -> bool:
    """Return True if a tensor has a tangent, which autograd would drop at a library's operator."""
    if torch.compiler.is_compiling():
        return False
    parameters = [tensor for layer in problem.mapping for tensor in (layer.norm_weight, layer.norm_bias, layer.weight)]
    tensors = (problem.query, problem.key, problem.value, *parameters)
    return any(forward_ad.unpack_dual(tensor).tangent is not None for tensor in tensors)  # type: ignore[no-untyped-call]


def _is_composed(problem: Problem) -> bool:
    """Return True if `auto` means the composition of operators, which has no operator of its own."""
    if not _has_operator(problem):
        return True
    # what a compiler traces is settled when it runs; on the meta device nothing is computed
    if torch.compiler.is_compiling() or problem.query.is_meta:
        return False
    return prod(problem.query.shape) == 0 or best_form(problem) == "composed" or _has_tangent(problem)


def explain_choice(device: torch.device) -> tuple[Backend, str]:
    """Say what computes float32 maps of 28 x 28 with windows of 7 x 7 on a device, and why.

    Args:
        device: One that tensors can be made on.

    Raises:
        ValueError: SASA_NAS_BACKEND names no backend.
    """
    maps, one = torch.empty(1, 8, 28, 28, device=device), torch.empty(8, device=device)
    layer = MappingLayer(one, one, None, None, torch.empty(8, 8, device=device), None, 1e-5)
    sample = Problem(maps, maps, maps, (layer,), kernel_size=7, kind="subtraction", positions=0)
    asked = cast("Backend", requested_backend("auto", get_args(Backend)))
    if asked in ("cpu", "triton"):
        why = form_cannot(asked, sample)
        return asked, f"{BACKEND_VARIABLE} says so" + ("" if why is None else f", but it cannot run: {why}")
    if asked != "auto":
        return asked, f"{BACKEND_VARIABLE} says so"
    best = best_form(sample)
    if best == "composed":
        return explain_window_sums(device)
    refused = [(form, form_cannot(form, sample)) for form in FORMS[: FORMS.index(best)]]
    return best, "; ".join(f"{form} cannot run: {why}" for form, why in refused) or "the fastest there is"
