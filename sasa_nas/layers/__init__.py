"""Modules that several kinds of parts share: `(B, in, H, W)` to `(B, out, ceil(H / stride), ceil(W / stride))`.

One rule lets generic code re-create any layer, and an exporter print it: EVERY layer of the package keeps each
argument of its constructor, as given, in an attribute of the very same name, and takes nothing but ints, floats,
bools, strings, None and tuples of these. So `type(m)(**{p: getattr(m, p) for p in signature(type(m)).parameters})` is
the same layer with fresh weights.
"""

from sasa_nas.layers.map_attention import MapAttention2d

__all__ = ["MapAttention2d"]
