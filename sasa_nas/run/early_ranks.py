"""Judgement of early stopping: how well accuracies after a few epochs rank the final ones of a run's trainings."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sasa_nas.run.outcomes import Outcome
from sasa_nas.run.records import TrialRecord

FEWEST = 8
"""Fewest whole trainings by which a level is judged."""
TELLING = 0.2
"""Kendall's tau up to which a level's accuracies are taken to rank nothing, so that none is stopped by them."""


@dataclass(frozen=True)
class EarlyRank:
    """Kendall's tau of the accuracies at one level and the final ones, over trainings that went to the end.

    Where others were stopped at the level, those left are alike in their early accuracies, and tau is lower than it
    would be of all.

    Attributes:
        epoch: Number of epochs after which trainings are compared.
        tau: Kendall's tau-b, -1 to 1; 0 where all tie.
        low: Lower end of its 95 % interval (Fieller, Hartley and Pearson 1957, Biometrika 44).
        high: Upper end of the interval.
        trainings: Number of trainings.
    """

    epoch: int
    tau: float
    low: float
    high: float
    trainings: int


def tells(records: Iterable[TrialRecord], epoch: int) -> bool:
    """Return whether trainings may be stopped by their accuracies at a level: unless enough of them say otherwise."""
    rank = early_rank(records, epoch)
    return rank is None or rank.tau > TELLING


def early_rank(records: Iterable[TrialRecord], epoch: int) -> EarlyRank | None:
    """Judge one level.

    Args:
        records: Trials of a run.
        epoch: Epochs after which trainings are compared.

    Returns:
        None if fewer than `FEWEST` trainings with a known accuracy at the level went to the end.
    """
    pairs = [
        (record.rungs[epoch], record.accuracy)
        for record in records
        if record.outcome is Outcome.TRAINED and record.accuracy is not None and epoch in record.rungs
    ]
    if len(pairs) < FEWEST:
        return None
    early, final = zip(*pairs, strict=True)
    tau = _tau(early, final)
    centre = math.atanh(min(max(tau, -0.9999), 0.9999))
    half = 1.96 * math.sqrt(0.437 / (len(pairs) - 4))
    return EarlyRank(epoch, tau, math.tanh(centre - half), math.tanh(centre + half), len(pairs))


def early_ranks(records: Sequence[TrialRecord]) -> list[EarlyRank]:
    """Judge all levels of a run of which enough is known, the first one first."""
    epochs = sorted({epoch for record in records for epoch in record.rungs})
    judged = (early_rank(records, epoch) for epoch in epochs)
    return [rank for rank in judged if rank is not None]


def describe_early_ranks(records: Sequence[TrialRecord]) -> str | None:
    """Return a sentence on how well the levels of early stopping rank; None if there is nothing to say."""
    ranks = early_ranks(records)
    if not ranks:
        return None
    told = "; ".join(
        f"{rank.tau:.2f} ({rank.low:.2f} to {rank.high:.2f}) after {rank.epoch} epoch{'s' if rank.epoch > 1 else ''}"
        + ("" if rank.tau > TELLING else ", where none is stopped any more")
        for rank in ranks
    )
    return f"Early accuracies rank the final ones of {ranks[0].trainings} whole trainings by Kendall's tau {told}."


def _tau(x: Sequence[float], y: Sequence[float]) -> float:
    one, other = (np.sign(np.subtract.outer(side, side)) for side in (np.array(x), np.array(y)))
    scale = float(np.sqrt(np.abs(one).sum() * np.abs(other).sum()))
    return float((one * other).sum()) / scale if scale else 0.0
