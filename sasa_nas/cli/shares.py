"""Parsers of a trial's share of CPUs and GPUs: a number, or `auto` if the search shall measure it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from sasa_nas.run.records import Resource

AUTO = "auto"


@dataclass(frozen=True)
class Shares:
    """CPUs and GPUs of a trial, and whether they are initial values only; fields of `SearchSettings`."""

    cpus_per_trial: int
    gpus_per_trial: float
    auto: tuple[Resource, ...]


def parse_shares(cpus: str, gpus: str | None) -> Shares:
    """Parse the shares of a trial.

    Args:
        cpus: A whole number, or `auto`.
        gpus: A number, or `auto`; default: 1 if this machine has a GPU, else 0.

    Raises:
        UserError: If one is neither a number nor `auto`, or too small.
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
    """Return 1 if this machine has a GPU, else 0."""
    import torch

    return 1.0 if torch.cuda.is_available() else 0.0
