"""Decompositions of the package's library operators into torch's own, for exports that work without the package."""

from collections.abc import Callable

from torch import Tensor

from sasa_nas.nodes import resolve
from sasa_nas.operators.registry import OPERATORS

Decompositions = dict[Callable[..., object], Callable[..., Tensor | tuple[Tensor, ...]]]
"""Functions of the same arguments that call torch's operators alone, by operator."""


def decompositions() -> Decompositions:
    """Return the decompositions of all registered operators, for `ExportedProgram.run_decompositions`."""
    found: Decompositions = {}
    for entry in OPERATORS:
        for reference in entry.decompositions:
            found |= resolve(reference)()
    return found
