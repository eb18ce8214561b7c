"""Choice of the form of the relations."""

from typing import get_args

import torch
from torch import Tensor

from sasa_nas.ops.arguments import autocast, refuse_forward_mode
from sasa_nas.ops.relation import naive
from sasa_nas.ops.relation.library import window_relation_operator
from sasa_nas.ops.relation.naive import PairwiseKind, PatchwiseKind, check_positions, check_relation
from sasa_nas.ops.window_sums.forms import Backend, chosen_backend
from sasa_nas.ops.windows import check_alike


def pairwise_relation(
    query: Tensor,
    key: Tensor,
    *,
    kernel_size: int,
    kind: PairwiseKind,
    positions: int = 0,
    backend: Backend = "auto",
) -> Tensor:
    """Compare every pixel with each pixel of its window, one pair at a time, in the fastest form.

    See `naive.pairwise_relation` for the equations. Under autocast tensors of float32 become autocast's type.

    Args:
        query: `(B, C, H, W)`, any floating type, any strides.
        key: Keys, of the shape of `query`.
        kernel_size: Side of the window, odd.
        kind: The comparison.
        positions: Number of the last channels that are encoded positions, which are subtracted whatever the kind.
        backend: The form to take; where it is `auto`, the variable SASA_NAS_BACKEND of the environment may name one.

    Returns:
        `(B, R, kernel_size**2, H, W)`, the window row by row; of C channels that are no positions, R is 2C for
        `concatenation`, 1 for `dot`, and C otherwise, and `positions` more.

    Raises:
        ValueError: An argument's shape, type, device or value does not fit, or the backend cannot run; the message
            names it.
        NotImplementedError: Forward-mode derivatives, or derivatives of derivatives, of forms that have none.
    """
    query, key = autocast(query), autocast(key)
    asked = _checked(query, key, kernel_size, kind, get_args(PairwiseKind), backend)
    check_positions(query, positions)
    if asked == "naive":
        return naive.pairwise_relation(query, key, kernel_size=kernel_size, kind=kind, positions=positions)
    refuse_forward_mode("window_relation", query, key)
    out: Tensor
    if positions == 0 or kind == "subtraction":
        out = window_relation_operator(query, key, kernel_size, kind, asked)
        return out
    if kind == "sum":
        # positions are channels more of the same comparison, which saves a copy of the relation
        far = torch.cat([key[:, :-positions], -key[:, -positions:]], dim=1)
        out = window_relation_operator(query, far, kernel_size, kind, asked)
        return out
    related = window_relation_operator(query[:, :-positions], key[:, :-positions], kernel_size, kind, asked)
    places = window_relation_operator(query[:, -positions:], key[:, -positions:], kernel_size, "subtraction", asked)
    return torch.cat([related, places], dim=1)


def patchwise_relation(
    query: Tensor, key: Tensor, *, kernel_size: int, kind: PatchwiseKind, backend: Backend = "auto"
) -> Tensor:
    """Describe every pixel's window as one vector, in the fastest form.

    See `naive.patchwise_relation` for the equations. Under autocast tensors of float32 become autocast's type.

    Args:
        query: `(B, C, H, W)`, any floating type, any strides.
        key: Keys, of the shape of `query`.
        kernel_size: Side of the window, odd.
        kind: The description.
        backend: See `pairwise_relation`.

    Returns:
        `(B, R, H, W)`; R is `kernel_size**2` for `star`, `kernel_size**4` for `clique` and
        `C * (1 + kernel_size**2)` for `concatenation`.

    Raises:
        ValueError: See `pairwise_relation`.
        NotImplementedError: See `pairwise_relation`.
    """
    query, key = autocast(query), autocast(key)
    asked = _checked(query, key, kernel_size, kind, get_args(PatchwiseKind), backend)
    if asked == "naive":
        return naive.patchwise_relation(query, key, kernel_size=kernel_size, kind=kind)
    refuse_forward_mode("window_relation", query, key)
    match kind:
        case "star":
            star: Tensor = window_relation_operator(query, key, kernel_size, "dot", asked)
            return star.flatten(1, 2)
        case "clique":
            phi, psi = (window_relation_operator(maps, maps, kernel_size, "window", asked) for maps in (query, key))
            return torch.einsum("bcjhw,bckhw->bjkhw", phi, psi).flatten(1, 2)
        case "concatenation":
            out: Tensor = window_relation_operator(query, key, kernel_size, "patch", asked)
            return out


def _checked(
    query: Tensor, key: Tensor, kernel_size: int, kind: str, kinds: tuple[str, ...], backend: Backend
) -> Backend:
    check_relation(query, key, kernel_size, kind, kinds)
    check_alike("query", query, "key", key)
    return chosen_backend(backend, query)
