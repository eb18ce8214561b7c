"""The relations as operators of torch's library; see aggregation/library.py.

An operator's kind is `sum`, `subtraction`, `hadamard`, `dot` or `concatenation`, as those of `pairwise_relation`;
`patch`, the patchwise concatenation; or `window`, the windows of the key alone.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import get_args

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from sasa_nas.ops.differentiation import register_gradients
from sasa_nas.ops.relation import naive
from sasa_nas.ops.relation.naive import PairwiseKind
from sasa_nas.ops.window_sums.forms import sums_by
from sasa_nas.ops.window_sums.sums import are_channels_last, map_like, weights_like
from sasa_nas.ops.windows import reflected_windows

Size = Sequence[int]
"""A tensor's shape, as FLOP formulas get it."""


@torch.library.custom_op("sasa_nas::window_relation", mutates_args=())
def window_relation_operator(query: Tensor, key: Tensor, kernel_size: int, kind: str, form: str) -> Tensor:
    """One of the relations; a `form` of `auto` is the best that can run."""
    with torch.autocast(query.device.type, enabled=False):
        sums = sums_by(form, query)
        out = _output(query, kernel_size, kind)
        channels = query.shape[1]
        match kind:
            case "sum" | "subtraction":
                sums.comparisons(query, key, kernel_size, 1 if kind == "sum" else -1, out)
            case "hadamard" | "dot":
                sums.products(query, key, kernel_size, out)
            case "window":
                sums.comparisons(None, key, kernel_size, 1, out)
            case "concatenation" | "patch":
                out[:, :channels] = query if kind == "patch" else query.unsqueeze(2)
                sums.comparisons(None, key, kernel_size, 1, _windows_in(out, channels, kernel_size))
        return out


@torch.library.custom_op("sasa_nas::window_relation_backward", mutates_args=())
def window_relation_backward_operator(
    grad_out: Tensor, query: Tensor, key: Tensor, kernel_size: int, kind: str, form: str
) -> tuple[Tensor, Tensor]:
    """Return the gradients of query and key."""
    with torch.autocast(query.device.type, enabled=False):
        sums = sums_by(form, query)
        channels = query.shape[1]
        match kind:
            case "hadamard" | "dot":
                grad_query = sums.weighted_sums(grad_out, key, kernel_size)
                grad_key = sums.spread_sums(grad_out, query, kernel_size)
            case "concatenation" | "patch":
                windows = _windows_in(grad_out, channels, kernel_size)
                _, grad_key = sums.comparison_sums(windows, key, kernel_size, 1)
                first = grad_out[:, :channels]
                grad_query = first if kind == "patch" else first.sum(2)
            case _:
                sign = -1 if kind == "subtraction" else 1
                grad_query, grad_key = sums.comparison_sums(grad_out, key, kernel_size, sign)
                if kind == "window":
                    grad_query = grad_query.zero_()
        return _laid_out(grad_query, query), _laid_out(grad_key, key)


def _output(query: Tensor, kernel_size: int, kind: str) -> Tensor:
    """Return the tensor that the relation is written to."""
    batch, channels, height, width = query.shape
    if kind == "patch":
        shape = (batch, channels * (1 + kernel_size**2), height, width)
        if query.device.type == "cpu" or not are_channels_last(query):
            return query.new_empty(shape)
        return query.new_empty(batch, height, width, shape[1]).permute(0, 3, 1, 2)
    related = {"concatenation": 2 * channels, "dot": 1}.get(kind, channels)
    return weights_like(query, related, kernel_size**2)


def _windows_in(related: Tensor, channels: int, kernel_size: int) -> Tensor:
    """Return the part of a concatenation that holds the key's windows, as a view `(B, C, kernel_size**2, H, W)`."""
    part = related[:, channels:]
    return part if part.dim() == 5 else torch.unflatten(part, 1, (channels, kernel_size**2))


def _laid_out(gradient: Tensor, maps: Tensor) -> Tensor:
    """Return a gradient in memory as `map_like` of its map, and no view of another tensor."""
    place = map_like(maps)
    alone = gradient.stride() == place.stride() and gradient._base is None and not gradient.storage_offset()
    return gradient if alone and gradient.untyped_storage().nbytes() == gradient.nbytes else place.copy_(gradient)


@window_relation_operator.register_fake
def _fake(query: Tensor, key: Tensor, kernel_size: int, kind: str, form: str) -> Tensor:
    return _output(query, kernel_size, kind)


@window_relation_backward_operator.register_fake
def _fake_backward(
    grad_out: Tensor, query: Tensor, key: Tensor, kernel_size: int, kind: str, form: str
) -> tuple[Tensor, Tensor]:
    return map_like(query), map_like(key)


register_gradients(
    "window_relation", window_relation_operator, window_relation_backward_operator, tensors=2, keeps_outputs=False
)


def relation_decompositions() -> dict[Callable[..., object], Callable[..., Tensor]]:
    """Return the operator in terms of torch's own, for `ExportedProgram.run_decompositions`; ONNX needs it."""
    return {torch.ops.sasa_nas.window_relation.default: _decomposed}


def _decomposed(query: Tensor, key: Tensor, kernel_size: int, kind: str, form: str) -> Tensor:
    for pairwise in get_args(PairwiseKind):
        if kind == pairwise:
            return naive.pairwise_relation(query, key, kernel_size=kernel_size, kind=pairwise)
    if kind == "patch":
        return naive.patchwise_relation(query, key, kernel_size=kernel_size, kind="concatenation")
    return reflected_windows(key, kernel_size)


@register_flop_formula(torch.ops.sasa_nas.window_relation)
def _flops(query: Size, key: Size, kernel_size: int, kind: str, form: str, *, out_shape: object = None) -> int:
    """Multiply-accumulates of scalar products; all else is elementwise work, which torch does not count."""
    return 2 * prod(query) * kernel_size**2 if kind == "dot" else 0


@register_flop_formula(torch.ops.sasa_nas.window_relation_backward)
def _flops_backward(
    grad_out: Size, query: Size, key: Size, kernel_size: int, kind: str, form: str, *, out_shape: object = None
) -> int:
    return 2 * _flops(query, key, kernel_size, kind, form)
