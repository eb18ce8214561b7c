"""SAN's patchwise attention, fused from query, key and value through the mapping to the sums of windows."""

from sasa_nas.ops.patchwise_attention.dispatch import patchwise_attention

__all__ = ["patchwise_attention"]
