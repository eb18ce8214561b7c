"""Choice of the form that computes patchwise attention."""

from collections.abc import Sequence
from typing import Literal, cast, get_args

import torch
from torch import Tensor

from sasa_nas.ops.arguments import autocast, refuse_forward_mode
from sasa_nas.ops.backends import BACKEND_VARIABLE, requested_backend
from sasa_nas.ops.mapping.layer import BatchStatistics, MappingLayer, check_mapping_types
from sasa_nas.ops.patchwise_attention import naive
from sasa_nas.ops.patchwise_attention.composed import composed_attention
from sasa_nas.ops.patchwise_attention.forms import FORMS, best_form, form_cannot
from sasa_nas.ops.patchwise_attention.library import fits_operator, operator_arguments, patchwise_attention_operator
from sasa_nas.ops.patchwise_attention.naive import check_patchwise_attention
from sasa_nas.ops.patchwise_attention.problem import Problem
from sasa_nas.ops.relation.naive import PatchwiseKind
from sasa_nas.ops.window_sums.forms import explain_choice as explain_window_sums
from sasa_nas.ops.windows import check_alike

Backend = Literal["auto", "naive", "slices", "cpu", "triton"]
"""`auto` chooses; `naive` lays windows out in memory, `slices` is the composition of relation, mapping and aggregation
of that backend; else see `forms.Form`."""


def patchwise_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mapping: Sequence[MappingLayer],
    *,
    kernel_size: int,
    kind: PatchwiseKind,
    backend: Backend = "auto",
) -> tuple[Tensor, tuple[BatchStatistics, ...]]:
    """Sum every pixel's window of `value` with the weights that the mapping makes of the window's description.

    See `naive.patchwise_attention` for the equation. Mappings of more than two layers, and tensors that no fused form
    takes, go through relation, mapping and aggregation one after the other. Under autocast maps of float32 become
    autocast's type.

    Args:
        query: `(B, C, H, W)`, any floating type, any strides.
        key: Keys, of the shape of `query`.
        value: `(B, V, H, W)` of the same type; any strides.
        mapping: Layers of gamma, from the relation's channels to `weight_channels * kernel_size**2`; `weight_channels`
            divides V.
        kernel_size: Side of the window, odd.
        kind: Description of a window: `star`, `clique` or `concatenation`.
        backend: The form to take; where it is `auto`, the variable SASA_NAS_BACKEND of the environment may name one.

    Returns:
        `(B, V, H, W)`, channels last in memory where `value` is so, and the statistics of each norm of the mapping that
        used the batch's own.

    Raises:
        ValueError: An argument's shape, type, device or value does not fit, or the backend cannot run; the message
            names it.
        NotImplementedError: Forward-mode derivatives, or derivatives of derivatives, of forms that have none.
    """
    query, key, value = autocast(query), autocast(key), autocast(value)
    check_patchwise_attention(query, key, value, mapping, kernel_size, kind)
    check_alike("query", query, "key", key)
    check_alike("query", query, "value", value)
    check_mapping_types(mapping, query)
    asked = cast("Backend", requested_backend(backend, get_args(Backend)))
    if asked == "naive":
        return naive.patchwise_attention(query, key, value, mapping, kernel_size=kernel_size, kind=kind)
    problem = Problem(query, key, value, tuple(mapping), kernel_size, kind)
    if asked == "slices" or (asked == "auto" and not _is_fused(problem)):
        return composed_attention(problem, asked)
    if not fits_operator(problem):
        raise ValueError(
            f"backend {asked!r} cannot run: it takes mappings of one or two layers, only the last with a bias"
        )
    parameters = (
        tensor for layer in mapping for tensor in (layer.norm_weight, layer.norm_bias, layer.weight, layer.bias)
    )
    refuse_forward_mode("patchwise_attention", query, key, value, *parameters)
    outputs = patchwise_attention_operator(*operator_arguments(problem, asked))
    count = query.shape[0] * query.shape[2] * query.shape[3]
    return outputs[0], tuple(
        BatchStatistics(outputs[place].detach(), outputs[place + 1].detach(), count)
        for place, layer in zip((2, 4), mapping, strict=False)
        if layer.mean is None
    )


def _is_fused(problem: Problem) -> bool:
    """Return True if the operator is called: it has a fast form, or the form is chosen when a traced graph runs."""
    if not fits_operator(problem):
        return False
    # on the meta device nothing is computed: the operator shows what it keeps for its backward on any device
    return torch.compiler.is_compiling() or problem.query.is_meta or best_form(problem) != "composed"


def explain_choice(device: torch.device) -> tuple[Backend, str]:
    """Return what computes float32 maps of 28 x 28 on a device, and why.

    Args:
        device: One that tensors can be made on.

    Raises:
        ValueError: SASA_NAS_BACKEND names no backend.
    """
    maps, channels = torch.empty(1, 1, 28, 28, device=device), torch.empty(9, device=device)
    layer = MappingLayer(channels, channels, None, None, torch.empty(9, 9, device=device), None, 1e-5)
    sample = Problem(maps, maps, maps, (layer,), kernel_size=3, kind="star")
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
