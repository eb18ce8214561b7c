"""Where in an image network does self-attention help most, per FLOP?

The verbs of the command line, for Python:

    from sasa_nas import Run, load_space, search

    summary = search(load_space("tiny"))
    front = Run(summary.folder.path).pareto()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sasa_nas.api import Run
    from sasa_nas.models import build
    from sasa_nas.run import ExternalResources, SearchSettings
    from sasa_nas.searching import resume, search
    from sasa_nas.space import Architecture, SearchSpace, load_architecture, load_space

__version__ = "0.1.0"

__all__ = [
    "Architecture",
    "ExternalResources",
    "Run",
    "SearchSettings",
    "SearchSpace",
    "build",
    "load_architecture",
    "load_space",
    "resume",
    "search",
]

_ROOMS = {
    "Architecture": "space",
    "ExternalResources": "run",
    "Run": "api",
    "SearchSettings": "run",
    "SearchSpace": "space",
    "build": "models",
    "load_architecture": "space",
    "load_space": "space",
    "resume": "searching",
    "search": "searching",
}


def __getattr__(name: str) -> Any:
    """Imports a verb's room when the verb is first used, so that `import sasa_nas` costs nothing."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'sasa_nas' has no attribute '{name}'")
    return getattr(import_module(f"sasa_nas.{_ROOMS[name]}"), name)
