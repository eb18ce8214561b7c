"""Pace of repeated work, such as updates of a training, timed for a moment on its real device and data."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import torch

SHARE = 0.05
"""Largest share of the whole work's time, as far as its first item tells, that is spent on timing it."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Pace:
    """Pace of equal items of work.

    Attributes:
        first: Seconds up to the end of the first item, with all that starts before it.
        each: Seconds of every other one.
    """

    first: float
    each: float

    def seconds(self, items: float) -> float:
        """Return the seconds of so many items, begun once."""
        return self.first + self.each * (items - 1) if items > 0 else 0.0


def measure_pace(
    items: Iterator[Item],
    work: Callable[[Item], object],
    *,
    total: int,
    limit: float,
    device: torch.device,
    agreed: Callable[[float], float] = lambda seconds: seconds,
) -> Pace:
    """Do the first items of work, and return their pace.

    After the first item, windows of 1, 2, 4, ... items are timed, and the last of them counts: the device has warmed up
    by then, and what was read ahead meanwhile is used up. Work too short to be worth it is judged by its first item.

    Args:
        items: The items, at least one.
        work: Function of an item.
        total: Number of items of the whole work.
        limit: Most seconds to spend after the first two items.
        device: Device of the work, which is waited for.
        agreed: Function from seconds to those that all processes agree on, which share the work of every item.

    Raises:
        ValueError: If there is no item.
    """
    clock = _Clock(device, agreed)
    if not _done(items, work, 1):
        raise ValueError("items: expected at least one")
    first = each = clock.lap()
    if SHARE * total < 1:
        return Pace(first, first)
    limit = min(limit, SHARE * first * total)
    # one more in any case, as what starts with the first may take longer than the limit
    size, spent, following = 1, 0.0, 0.0
    while spent + following <= limit:
        count = _done(items, work, size)
        seconds = clock.lap()
        if 2 * count >= size:
            each = seconds / count
        if count < size:
            break
        spent, following, size = spent + seconds, 2 * seconds, 2 * size
    return Pace(first, each)


def _done(items: Iterator[Item], work: Callable[[Item], object], most: int) -> int:
    """Do `most` items, or those that are left, and return their number."""
    count = 0
    for item in islice(items, most):
        work(item)
        count += 1
    return count


class _Clock:
    """Stop watch that waits for a device.

    Args:
        device: The device.
        agreed: Function from this process's seconds to those of all.
    """

    def __init__(self, device: torch.device, agreed: Callable[[float], float]) -> None:
        self._device, self._agreed = device, agreed
        self._begun = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last call, or since the beginning."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        seconds = time.perf_counter() - self._begun
        # what the processes tell each other is no part of the work
        seconds = self._agreed(seconds)
        self._begun = time.perf_counter()
        return seconds
