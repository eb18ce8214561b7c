"""SAN's pairwise attention (Zhao, Jia, Koltun 2020), equation 2, its relation and weights laid out in memory."""

from collections.abc import Sequence

from torch import Tensor

from sasa_nas.ops.aggregation.naive import aggregate
from sasa_nas.ops.mapping.layer import BatchStatistics, MappingLayer
from sasa_nas.ops.mapping.naive import apply_mapping
from sasa_nas.ops.relation.naive import PairwiseKind, pairwise_relation


def pairwise_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mapping: Sequence[MappingLayer],
    *,
    kernel_size: int,
    kind: PairwiseKind,
    positions: int = 0,
) -> tuple[Tensor, tuple[BatchStatistics, ...]]:
    """Attend from every pixel to each pixel of its window, with weights that a mapping makes of each pair.

    `y_i = sum_j softmax_j(gamma(delta(query_i, key_j))) * value_j`, channel by channel; channel `c` of the values is
    weighted by channel `c mod weight_channels` of gamma. The map is reflected at its edges.

    Args:
        query: `(B, C, H, W)`.
        key: Keys, of the shape of `query`.
        value: `(B, V, H, W)`; the channels of the weights divide V.
        mapping: Gamma, from the relation's channels (see `relation.naive.pairwise_relation`) to those of the weights.
        kernel_size: Side of the window, odd.
        kind: The comparison delta.
        positions: Number of the last channels of query and key that are subtracted, whatever the kind.

    Returns:
        `(B, V, H, W)`, and the statistics of each norm of gamma that used the batch's own, over all pairs.

    Raises:
        ValueError: An argument does not fit.
    """
    related = pairwise_relation(query, key, kernel_size=kernel_size, kind=kind, positions=positions)
    logits, statistics = apply_mapping(related.flatten(3), mapping)
    weights = logits.softmax(2).view(*logits.shape[:3], *query.shape[2:])
    return aggregate(weights, value, kernel_size=kernel_size), statistics
