"""Relation of a pixel to its window: delta of SAN (Zhao, Jia, Koltun 2020), sections 3.1 and 3.2."""

from typing import Literal, get_args

import torch
from torch import Tensor

from sasa_nas.ops.windows import check_kernel_size, reflected_windows

PairwiseKind = Literal["sum", "subtraction", "hadamard", "concatenation", "dot"]
"""Comparison of two pixels' vectors."""

PatchwiseKind = Literal["star", "clique", "concatenation"]
"""Comparison of a pixel and all of its window."""


def pairwise_relation(
    query: Tensor, key: Tensor, *, kernel_size: int, kind: PairwiseKind, positions: int = 0
) -> Tensor:
    """Compare every pixel with each pixel of its window, one pair at a time.

    With `phi = query[i]` and `psi = key[j]`: `sum` phi + psi, `subtraction` phi - psi, `hadamard`
    phi * psi, `concatenation` [phi, psi], `dot` the scalar product. The map is reflected at its edges
    (see `reflection_indices`).

    Args:
        query: `(B, C, H, W)`.
        key: Keys, of the shape of `query`.
        kernel_size: Side of the window, odd.
        kind: The comparison.
        positions: Number of the last channels that are encoded positions, which are subtracted whatever the kind.

    Returns:
        `(B, R, kernel_size**2, H, W)`, the window row by row; of C channels that are no positions, R is 2C for
        `concatenation`, 1 for `dot`, and C otherwise, and `positions` more.

    Raises:
        ValueError: `kernel_size` is even, `key` differs from `query` in shape, `kind` is unknown, or all channels
            are positions.
    """
    check_relation(query, key, kernel_size, kind, get_args(PairwiseKind))
    check_positions(query, positions)
    if positions and kind != "subtraction":
        compared = (query[:, :-positions], key[:, :-positions])
        related = pairwise_relation(*compared, kernel_size=kernel_size, kind=kind)
        located = (query[:, -positions:], key[:, -positions:])
        places = pairwise_relation(*located, kernel_size=kernel_size, kind="subtraction")
        return torch.cat([related, places], dim=1)
    psi = reflected_windows(key, kernel_size)
    phi = query.unsqueeze(2)
    match kind:
        case "sum":
            return phi + psi
        case "subtraction":
            return phi - psi
        case "hadamard":
            return phi * psi
        case "concatenation":
            return torch.cat([phi.expand_as(psi), psi], dim=1)
        case "dot":
            return (phi * psi).sum(1, keepdim=True)


def patchwise_relation(query: Tensor, key: Tensor, *, kernel_size: int, kind: PatchwiseKind) -> Tensor:
    """Describe every pixel's window as one vector.

    With `phi = query`, `psi = key`, pixel i and j, k over its window: `star` [phi_i . psi_j]_j, `clique`
    [phi_j . psi_k]_{j,k}, `concatenation` [phi_i, [psi_j]_j], the latter channel by channel, each
    channel's window row by row. The map is reflected at its edges (see `reflection_indices`).

    Args:
        query: `(B, C, H, W)`.
        key: Keys, of the shape of `query`.
        kernel_size: Side of the window, odd.
        kind: The description.

    Returns:
        `(B, R, H, W)`; R is `kernel_size**2` for `star`, `kernel_size**4` for `clique` and
        `C * (1 + kernel_size**2)` for `concatenation`.

    Raises:
        ValueError: `kernel_size` is even, `key` differs from `query` in shape, or `kind` is unknown.
    """
    check_relation(query, key, kernel_size, kind, get_args(PatchwiseKind))
    psi = reflected_windows(key, kernel_size)
    match kind:
        case "star":
            return torch.einsum("bchw,bcjhw->bjhw", query, psi)
        case "clique":
            phi = reflected_windows(query, kernel_size)
            return torch.einsum("bcjhw,bckhw->bjkhw", phi, psi).flatten(1, 2)
        case "concatenation":
            return torch.cat([query, psi.flatten(1, 2)], dim=1)


def check_positions(query: Tensor, positions: int) -> None:
    """Raise unless some channels are no positions.

    Args:
        query: See `pairwise_relation`.
        positions: See `pairwise_relation`.

    Raises:
        ValueError: `positions` is negative, or as many as the channels.
    """
    if not 0 <= positions < query.shape[1]:
        raise ValueError(f"positions must be at least 0 and below the {query.shape[1]} channels, got {positions}")


def check_relation(query: Tensor, key: Tensor, kernel_size: int, kind: str, kinds: tuple[str, ...]) -> None:
    """Raise unless the arguments of a relation fit each other.

    Args:
        query: See `pairwise_relation`.
        key: See `pairwise_relation`.
        kernel_size: See `pairwise_relation`.
        kind: See `pairwise_relation`.
        kinds: Allowed values of `kind`.

    Raises:
        ValueError: Names the argument that does not fit.
    """
    check_kernel_size(kernel_size)
    if query.dim() != 4 or 0 in query.shape[1:]:
        raise ValueError(f"query must be (B, C, H, W), none but B zero, got {tuple(query.shape)}")
    if key.shape != query.shape:
        raise ValueError(f"key must have the shape of query {tuple(query.shape)}, got {tuple(key.shape)}")
    if kind not in kinds:
        raise ValueError(f"kind must be one of {kinds}, got {kind!r}")
