"""Self-attention of every pixel to the whole map."""

from sasa_nas.ops.global_attention.dispatch import global_attention

__all__ = ["global_attention"]
