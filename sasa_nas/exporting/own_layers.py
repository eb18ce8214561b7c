"""Layers from outside the package, whose source is copied into exports."""

import inspect
from pathlib import Path

from torch import nn

from sasa_nas.channel_attention import CHANNEL_ATTENTIONS
from sasa_nas.nodes import resolve
from sasa_nas.operators import OPERATORS
from sasa_nas.stems import STEMS


def own_layers() -> dict[type[nn.Module], Path]:
    """Return the layers of registered parts from outside the package, with the files that define them."""
    found: dict[type[nn.Module], Path] = {}
    for reference in (entry.layer for registry in (OPERATORS, STEMS, CHANNEL_ATTENTIONS) for entry in registry):
        # an operator that is known from a record alone has none
        layer = reference and resolve(reference)
        if isinstance(layer, type) and not layer.__module__.startswith("sasa_nas."):
            file = inspect.getsourcefile(layer)
            if file is not None:
                found[layer] = Path(file)
    return found
