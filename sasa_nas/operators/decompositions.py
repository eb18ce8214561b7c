"""The operators of torch's library in terms of torch's own: for files that work where the package is not installed."""

from collections.abc import Callable

import torch
from torch import Tensor

from sasa_nas.nodes import resolve
from sasa_nas.operators.registry import OPERATORS

Decompositions = dict[torch._ops.OpOverload, Callable[..., Tensor | tuple[Tensor, ...]]]
"""Operator to a function of the same arguments that calls torch's operators alone."""


def decompositions() -> Decompositions:
    """Return those of all registered operators, for `torch.export.ExportedProgram.run_decompositions`."""
    found: Decompositions = {}
    for entry in OPERATORS:
        for reference in entry.decompositions:
            found |= resolve(reference)()
    return found
