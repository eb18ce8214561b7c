"""Measures where the time of a trial goes, on the worker that trains it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from sasa_nas.run.phases import Phases
from sasa_nas.training.proxy import EpochMetrics

PhaseName = Literal["queue", "build", "data", "measure", "train", "evaluate", "checkpoint", "attack"]


class PhaseClock:
    """Adds up seconds by phase. A phase inside another is counted once, as the inner one.

    Args:
        proposed: Time at which the driver proposed the trial, in seconds since the epoch; None if unknown. The clocks
            of two machines may differ, so that a wait below zero counts as zero.
    """

    def __init__(self, proposed: float | None = None) -> None:
        self._spent: dict[PhaseName, float] = {}
        self._inner = 0.0
        self._waiting_since: float | None = None
        if proposed is not None:
            self._spent["queue"] = max(0.0, time.time() - proposed)

    @contextmanager
    def phase(self, name: PhaseName) -> Iterator[None]:
        """Count the time of a `with` block as a phase, whether it raises or not."""
        outer, self._inner = self._inner, 0.0
        start = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - start
            self._add(name, taken - self._inner)
            self._inner = outer + taken

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count the time up to the next such block as the queue's: the search decides whether the trial goes on."""
        if self._waiting_since is not None:
            self._add("queue", time.perf_counter() - self._waiting_since)
        try:
            yield
        finally:
            self._waiting_since = time.perf_counter()

    def trained(self, epochs: Sequence[EpochMetrics]) -> None:
        """Take training and validation from the metrics of epochs, those before a resume too."""
        for epoch in epochs:
            self._add("train", epoch.seconds_train)
            self._add("evaluate", epoch.seconds_evaluate)

    def read(self) -> Phases:
        """Return the times measured so far."""
        return Phases(**self._spent)

    def _add(self, name: PhaseName, seconds: float) -> None:
        self._spent[name] = self._spent.get(name, 0.0) + max(0.0, seconds)
