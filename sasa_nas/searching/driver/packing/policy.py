"""Choice of the ways to share a machine that are measured, and of the one that is taken. Pure functions."""

import statistics
from collections.abc import Sequence

from sasa_nas.run.packing import MeasuredShare, Share

MARGIN = 0.05
"""Gain that a way to share must have over one that is nearer to the default: less is noise."""
SPARE = 0.1
"""Share of the memory that stays free: other designs may want more than those that were measured."""
CARD_TRIALS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Trials on a card that are tried."""


def fitting(trial_bytes: int, capacity_bytes: int) -> int:
    """Return the number of trials that the memory holds; one at least, which is tried in any case.

    Args:
        trial_bytes: Bytes of memory that one trial takes.
        capacity_bytes: Bytes of memory that the machine or the card has.
    """
    return max(1, int((1.0 - SPARE) * capacity_bytes / max(1, trial_bytes)))


def machine_shares(cpus: int, *, most: int, fit: int) -> list[Share]:
    """Ways to divide a machine's processor, from one thread a trial, the default, to one trial on all of it.

    Args:
        cpus: Number of CPU cores.
        most: Trials at a time that are wanted.
        fit: Trials at a time that its memory holds.
    """
    threads = sorted({*(2**power for power in range(cpus.bit_length())), cpus})
    shares = [Share(trials=min(cpus // count, most), cpus=count) for count in threads]
    return [share for share in shares if share.trials <= fit] or [Share(trials=1, cpus=cpus)]


def card_shares(cpus: int, *, cpus_per_trial: int, most: int, fit: int) -> list[Share]:
    """Ways to share a card, from one trial, the default, to as many as fit.

    Args:
        cpus: Cores of the machine for each of its cards.
        cpus_per_trial: Cores that each trial takes of them.
        most: Trials at a time that are wanted.
        fit: Trials at a time that the card's memory holds.
    """
    limit = max(1, min(cpus // cpus_per_trial, most, fit))
    return [Share(trials=trials, cpus=cpus_per_trial) for trials in CARD_TRIALS if trials <= limit]


def together(throughputs: Sequence[Sequence[Sequence[float]]]) -> float:
    """Images a second of trials side by side that each train several designs, the same number of images of each.

    Args:
        throughputs: Images a second by trial, design and repetition; 0 where a training failed.

    Returns:
        The sum over trials of the harmonic mean over designs of the median over repetitions; 0 if a training failed.
    """
    medians = [[statistics.median(repeats) for repeats in designs] for designs in throughputs]
    if any(throughput <= 0.0 for designs in throughputs for repeats in designs for throughput in repeats):
        return 0.0
    return sum(statistics.harmonic_mean(designs) for designs in medians)


def choose(measured: Sequence[MeasuredShare]) -> MeasuredShare:
    """Return the first that is as fast as the fastest, to within `MARGIN`.

    Args:
        measured: One at least; the default first, and what is far from it last.
    """
    best = max(one.images_per_second for one in measured)
    return next(one for one in measured if one.images_per_second >= (1.0 - MARGIN) * best)
