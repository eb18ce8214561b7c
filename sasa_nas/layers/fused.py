"""Layers that may compute their parts in one kernel, without calling them as modules."""

from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Fusing(Protocol):
    """A layer that calls its parts as modules only where `fused` is False."""

    fused: bool


def unfuse(module: nn.Module) -> list[Fusing]:
    """Have every layer call its parts, so that hooks on these see what passes.

    Args:
        module: A network or a part of one.

    Returns:
        The layers changed.
    """
    changed: list[Fusing] = [part for part in module.modules() if isinstance(part, Fusing) and part.fused]
    for part in changed:
        part.fused = False
    return changed
