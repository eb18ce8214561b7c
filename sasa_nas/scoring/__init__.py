"""Training-free scores: what an untrained network's activations and gradients are said to tell of its accuracy.

Their names come without torch; `compute` computes them.
"""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING

from sasa_nas.scoring import methods

if TYPE_CHECKING:
    from sasa_nas.nodes import Reference

SCORES: dict[str, Reference] = {
    module.name: f"{methods.__name__}.{module.name}:{module.name}" for module in pkgutil.iter_modules(methods.__path__)
}
"""The function of every score, by its name; see `methods`."""


def register_score(name: str, compute: Reference) -> None:
    """Register a training-free score.

    Args:
        name: Name of the score in settings and records.
        compute: Function of a network and batches, as `methods` describes it: the object, or `module:name`.

    Raises:
        ValueError: If the name is taken.

    Examples:
        >>> def parameters(network, batches):
        ...     return float(sum(parameter.numel() for parameter in network.parameters()))
        >>> register_score("parameters", parameters)
        >>> list(SCORES)
        ['naswot', 'synflow', 'zico', 'parameters']
        >>> del SCORES["parameters"]
    """
    if name in SCORES:
        raise ValueError(f"the score '{name}' is registered already; choose another name")
    SCORES[name] = compute


__all__ = ["SCORES", "register_score"]
