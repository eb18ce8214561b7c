"""SAN's patchwise attention (Zhao, Jia, Koltun 2020, equation 4) from its parts, all windows laid out in memory."""

from collections.abc import Sequence
from typing import get_args

from torch import Tensor

from sasa_nas.ops.aggregation.naive import aggregate
from sasa_nas.ops.mapping.layer import BatchStatistics, MappingLayer, check_mapping
from sasa_nas.ops.mapping.naive import apply_mapping
from sasa_nas.ops.relation.naive import PatchwiseKind, check_relation, patchwise_relation


def patchwise_attention(
    query: Tensor, key: Tensor, value: Tensor, mapping: Sequence[MappingLayer], *, kernel_size: int, kind: PatchwiseKind
) -> tuple[Tensor, tuple[BatchStatistics, ...]]:
    """Sum every pixel's window of `value` with the weights that the mapping makes of the window's description.

    `y_i = sum_j gamma(delta(x_R(i)))_j * value_j`, where channel `c` of `value` is weighted by weight channel
    `c mod weight_channels`. See `patchwise_relation` for delta, `apply_mapping` for gamma, `aggregate` for the sum.

    Args:
        query: `(B, C, H, W)`.
        key: Keys, of the shape of `query`.
        value: `(B, V, H, W)`.
        mapping: Layers of gamma, from the relation's channels to `weight_channels * kernel_size**2`, which are those of
            the first weight channel's window row by row, then of the second's; `weight_channels` divides V.
        kernel_size: Side of the window, odd.
        kind: The description delta.

    Returns:
        `(B, V, H, W)`, and the statistics of each norm of the mapping that used the batch's own.

    Raises:
        ValueError: An argument does not fit; the message names it.
    """
    weight_channels = check_patchwise_attention(query, key, value, mapping, kernel_size, kind)
    related = patchwise_relation(query, key, kernel_size=kernel_size, kind=kind)
    weights, statistics = apply_mapping(related, mapping)
    split = weights.view(query.shape[0], weight_channels, kernel_size**2, *query.shape[2:])
    return aggregate(split, value, kernel_size=kernel_size), statistics


def related_channels(keys: int, kernel_size: int, kind: PatchwiseKind) -> int:
    """Return the channels of a patchwise relation.

    Args:
        keys: Channels of query and key.
        kernel_size: Side of the window.
        kind: The description.
    """
    area = kernel_size**2
    return {"star": area, "clique": area**2, "concatenation": keys * (1 + area)}[kind]


def check_patchwise_attention(
    query: Tensor, key: Tensor, value: Tensor, mapping: Sequence[MappingLayer], kernel_size: int, kind: PatchwiseKind
) -> int:
    """Raise unless the arguments of `patchwise_attention` fit each other.

    Args:
        query: See `patchwise_attention`.
        key: See `patchwise_attention`.
        value: See `patchwise_attention`.
        mapping: See `patchwise_attention`.
        kernel_size: See `patchwise_attention`.
        kind: See `patchwise_attention`.

    Returns:
        The weight channels.

    Raises:
        ValueError: Names the argument that does not fit.
    """
    check_relation(query, key, kernel_size, kind, get_args(PatchwiseKind))
    batch, keys, height, width = query.shape
    if value.dim() != 4 or value.shape[1] == 0 or (value.shape[0], *value.shape[2:]) != (batch, height, width):
        raise ValueError(f"value must be {(batch, 'channels', height, width)}, got {tuple(value.shape)}")
    check_mapping(mapping, related_channels(keys, kernel_size, kind), None, batch * height * width)
    made, area = mapping[-1].weight.shape[0], kernel_size**2
    if made % area or value.shape[1] % (made // area):
        raise ValueError(
            f"the last weight of mapping must have {area} rows for each of a number of weight channels that divides "
            f"the {value.shape[1]} channels of value, got {made} rows"
        )
    return made // area
