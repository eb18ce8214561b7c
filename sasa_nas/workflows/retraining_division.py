"""Division of a machine's GPUs among trainings: several to each, or several trainings at once."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WORTHWHILE = 1.1
"""Factor by which trainings have to end later than by GPUs that are never idle, before larger groups are timed."""


@dataclass(frozen=True)
class Division:
    """Division of a machine among trainings.

    Attributes:
        processes: Processes of each training, with a GPU each where there are any.
        at_once: Trainings at a time.
        seconds: Estimated time until the last has ended; 0 before any is timed.
    """

    processes: int
    at_once: int
    seconds: float = 0.0


def first_division(gpus: int, processes: int | None, at_once: int | None) -> Division:
    """Return how trainings begin to be divided, before any is timed.

    Args:
        gpus: Number of GPUs; 0 on a CPU.
        processes: Processes of each training; None for as many as there are GPUs for, or one if `at_once` is None, too.
        at_once: Trainings at a time; None for as many as there are GPUs for.

    Examples:
        >>> first_division(gpus=8, processes=2, at_once=None)
        Division(processes=2, at_once=4, seconds=0.0)
    """
    if processes is None:
        processes = 1 if at_once is None else max(1, gpus // at_once)
    return Division(processes, max(1, gpus // processes) if at_once is None else at_once)


def makespan(seconds: Sequence[float], slots: int) -> float:
    """Return the time until the last of some trainings has ended, which begin in the order of their lengths.

    Args:
        seconds: Length of each, the longest of which begins first.
        slots: Number of trainings at a time.

    Examples:
        >>> makespan([3.0, 2.0, 2.0], slots=2)
        4.0
    """
    ends = [0.0] * slots
    for length in sorted(seconds, reverse=True):
        heapq.heapreplace(ends, ends[0] + length)
    return max(ends)


def fastest_division(gpus: int, seconds: Sequence[float], faster: Callable[[int], float | None]) -> Division:
    """Return the division of GPUs by which trainings are estimated to end first; of two, that of smaller groups.

    A GPU for each training wastes no time on sums of gradients, but leaves GPUs idle when few trainings are left. Only
    if those would end later than a tenth after the earliest time that any division could reach, are groups of GPUs
    timed.

    Args:
        gpus: Number of GPUs.
        seconds: Seconds of each training on one GPU.
        faster: Function that returns how many times as fast a training is on a group of so many GPUs; None if it cannot
            be trained so.
    """
    best = Division(1, gpus, makespan(seconds, gpus))
    earliest = sum(seconds) / gpus
    size = 2
    while size <= gpus and best.seconds > WORTHWHILE * earliest:
        factor = faster(size)
        if factor is not None:
            groups = gpus // size
            found = makespan([length / factor for length in seconds], groups)
            if found < best.seconds:
                best = Division(size, groups, found)
        size *= 2
    return best
