"""Self-attention of every pixel to the window around it."""

from sasa_nas.ops.local_attention.dispatch import local_attention
from sasa_nas.ops.local_attention.naive import WindowPadding

__all__ = ["WindowPadding", "local_attention"]
