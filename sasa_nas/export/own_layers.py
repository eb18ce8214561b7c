"""Layers of operators that are not the package's own: they are written into exports as they stand in their files."""

import inspect
from pathlib import Path

from torch import nn

from sasa_nas.nodes import resolve
from sasa_nas.operators import OPERATORS


def own_layers() -> dict[type[nn.Module], Path]:
    """Return the layers of registered operators from outside the package, with the files that define them."""
    found: dict[type[nn.Module], Path] = {}
    for entry in OPERATORS:
        layer = None if entry.foreign else resolve(entry.layer)
        if isinstance(layer, type) and not layer.__module__.startswith("sasa_nas."):
            file = inspect.getsourcefile(layer)
            if file is not None:
                found[layer] = Path(file)
    return found
