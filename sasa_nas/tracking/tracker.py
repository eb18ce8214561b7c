"""The protocol between a session and an experiment tracker."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

Parameter = bool | int | float | str
"""Value of a hyperparameter."""


class Status(StrEnum):
    """Status of a tracked run at its end."""

    FINISHED = "finished"
    """Trained to the end."""
    STOPPED = "stopped"
    """Stopped early on purpose, as others were better."""
    FAILED = "failed"
    """Diverged, broke off, or lost its worker."""
    INTERRUPTED = "interrupted"
    """Cut off by the end of the session; a later one goes on with it."""

    @property
    def final(self) -> bool:
        """Return whether no later session goes on with the run."""
        return self is not Status.INTERRUPTED


@dataclass(frozen=True)
class RunDescription:
    """Description of a tracked run: the training of one trial, or of one seed.

    Attributes:
        key: Name of the run that is unique in its folder, and fit for a file.
        name: Name of the run for people.
        kind: Kind of the run: `search`, `train` or `retrain`.
        parameters: Hyperparameters by name, of letters, digits, `_`, `-`, `.` and `/`.
    """

    key: str
    name: str
    kind: str
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True)
class Earlier:
    """Trace of a run that an earlier session began.

    Attributes:
        id: Identity of the run in the tracker.
        step: Last step that the tracker has.
    """

    id: str
    step: int


class OpenRun(Protocol):
    """A tracked run under way."""

    @property
    def id(self) -> str:
        """Identity of the run, by which a later session goes on with it."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write metrics of one step.

        Args:
            step: Number of the epoch, from 1; it only grows.
            metrics: Finite numbers by name.
        """

    def end(self, step: int, status: Status, results: Mapping[str, float], notes: Mapping[str, str]) -> None:
        """End the run; all of it is written when this returns.

        Args:
            step: Last step that was logged, 0 if none was.
            status: Status of the run.
            results: Finite numbers by name, of the trained network.
            notes: Short texts by name, such as the reason of a failure.
        """


class Tracker(Protocol):
    """A tracker at its destination. All its calls come from one thread, and runs may overlap."""

    @property
    def destination(self) -> str:
        """Place that the runs are written to; what is written to one is not in another."""

    def start(self, run: RunDescription, earlier: Earlier | None) -> OpenRun:
        """Begin a run, or go on with it.

        Args:
            run: Description of the run.
            earlier: Trace of the run's earlier session at this destination; None if it is new.
        """


class Tool(Protocol):
    """A tracking tool that is installed."""

    @property
    def name(self) -> str:
        """Name of the tool, and of the folder for its files."""

    def open(self, folder: Path, group: str) -> Tracker:
        """Return a tracker of the runs of one folder.

        Args:
            folder: Folder for the tool's files, which exists.
            group: Name that all runs of the search or training have in common.
        """
