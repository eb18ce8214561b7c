"""Self-attention of every pixel to the window around it."""

from sasa_nas.ops.local_attention.naive import WindowPadding, local_attention

__all__ = ["WindowPadding", "local_attention"]
