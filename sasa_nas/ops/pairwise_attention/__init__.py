"""SAN's pairwise attention, from queries, keys and values to the weighted sums."""

from sasa_nas.ops.pairwise_attention.dispatch import pairwise_attention

__all__ = ["pairwise_attention"]
