"""Follows a run from outside by its files alone, to know when to strike and what was trained twice."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from chaos_parts.scenario import Program

Training = str
"""A training's folder, relative to the run's."""

_FILES: dict[Program, str] = {
    "search": "trials/*/metrics.jsonl",
    "packed": "trials/*/metrics.jsonl",
    "retrain": "retrain/*/*/seeds/*/metrics.jsonl",
    "formula": "",
}
_TOLD = re.compile(r"^trial (\d+): ", re.MULTILINE)


class EpochLog:
    """Every epoch that was ever on disk: the seconds that it took tell two trainings of the same epoch apart.

    A file is replaced after every epoch, and the lines of the epochs before stay in it, so that none is missed by
    whoever looks more often than a worker is replaced.

    Args:
        run: The run's folder.
        program: What goes on in it.
    """

    def __init__(self, run: Path, program: Program) -> None:
        self._run = run
        self._pattern = _FILES[program]
        self._seen: dict[tuple[Training, int], set[float]] = {}
        self._read: dict[Path, tuple[int, int]] = {}

    def look(self) -> None:
        """Take in what is on disk now."""
        for file in self._run.glob(self._pattern) if self._pattern else ():
            try:
                status = file.stat()
                signature = status.st_ino, status.st_mtime_ns
                if self._read.get(file) == signature:
                    continue
                rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            except (OSError, ValueError):  # gone again, or torn
                continue
            self._read[file] = signature
            training = file.parent.relative_to(self._run).as_posix()
            for row in rows:
                self._seen.setdefault((training, row["epoch"]), set()).add(row["seconds_train"])

    @property
    def epochs(self) -> int:
        """Epochs trained so far, each counted once."""
        return len(self._seen)

    def repeats(self) -> Mapping[Training, int]:
        """Return the number of epochs that each training trained again."""
        again: dict[Training, int] = {}
        for (training, _), times in self._seen.items():
            again[training] = again.get(training, 0) + len(times) - 1
        return {training: count for training, count in again.items() if count}


def told(stderr: str) -> set[int]:
    """Return the trials of whose end a search has told whoever watches it."""
    return set(map(int, _TOLD.findall(stderr)))
