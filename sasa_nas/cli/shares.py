"""Reads what a trial takes of the machine: numbers, or `auto` where the search is to find out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from sasa_nas.run.records import Resource

AUTO = "auto"


@dataclass(frozen=True)
class Shares:
    """What a trial takes, and what of it is only a start: the fields of `SearchSettings`."""

    cpus_per_trial: int
    gpus_per_trial: float
    auto: tuple[Resource, ...]


def parse_shares(cpus: str, gpus: str | None) -> Shares:
    """Return the shares that a person asks for.

    Args:
        cpus: A whole number, or `auto`.
        gpus: A number, or `auto`; one GPU where this machine has one, if left out.

    Raises:
        UserError: If one is neither, or too small.
    """
    auto: tuple[Resource, ...] = ()
    if cpus == AUTO:
        auto += ("cpus",)
        cpus = "1"
    if not (cpus.isascii() and cpus.isdigit() and int(cpus) >= 1):
        raise UserError(f"--cpus-per-trial {cpus}: give a whole number of at least 1, or auto")
    if gpus is None or gpus == AUTO:
        auto += ("gpus",) if gpus == AUTO else ()
        return Shares(int(cpus), _default_gpus(), auto)
    try:
        wanted = float(gpus)
    except ValueError:
        wanted = -1.0
    if not 0.0 <= wanted < float("inf"):
        raise UserError(f"--gpus-per-trial {gpus}: give a number of at least 0, or auto")
    return Shares(int(cpus), wanted, auto)


def _default_gpus() -> float:
    """Return one GPU a trial where this machine has one."""
    import torch

    return 1.0 if torch.cuda.is_available() else 0.0
