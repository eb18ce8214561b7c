"""A tracking tool that keeps everything in memory, and fails when it is told to."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sasa_nas.tracking import RunDescription, Status
from sasa_nas.tracking.tracker import Earlier


@dataclass
class Recorded:
    """A run as the tool has it over all sessions."""

    description: RunDescription
    points: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    results: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    starts: int = 0

    @property
    def id(self) -> str:
        return f"id-{self.description.key}"

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self.points.append((step, dict(metrics)))

    def end(self, step: int, status: Status, results: Mapping[str, float], notes: Mapping[str, str]) -> None:
        assert step == (self.points[-1][0] if self.points else 0)
        self.statuses.append(status)
        self.results.update(results)
        self.notes.update(notes)

    @property
    def steps(self) -> list[int]:
        return [step for step, _ in self.points]


class RecordingTool:
    """The `Tool` and its `Tracker`.

    Args:
        fail_at: The call of `start` that raises, counted from 1; None for none.
        hang: An event that `start` waits for; None for none.
    """

    name = "recording"

    def __init__(self, *, fail_at: int | None = None, hang: threading.Event | None = None) -> None:
        self.runs: dict[str, Recorded] = {}
        self.destination = "memory"
        self.groups: set[str] = set()
        self._starts = 0
        self._fail_at = fail_at
        self._hang = hang

    def open(self, folder: Path, group: str) -> "RecordingTool":
        assert folder.is_dir()
        self.groups.add(group)
        return self

    def start(self, run: RunDescription, earlier: Earlier | None) -> Recorded:
        self._starts += 1
        if self._hang is not None:
            self._hang.wait()
        if self._starts == self._fail_at:
            raise OSError("no route to http://user:secret@host\nat all")
        recorded = self.runs.setdefault(run.key, Recorded(run))
        assert (earlier is None) == (recorded.starts == 0)
        if earlier is not None:
            assert earlier == Earlier(recorded.id, recorded.steps[-1] if recorded.points else 0)
        recorded.starts += 1
        return recorded
