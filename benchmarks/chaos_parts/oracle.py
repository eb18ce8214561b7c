"""Reads what a run holds by SQL and JSON alone, apart from the program's own readers."""

import fcntl
import json
import os
import re
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEFT = ("RUNNING", "WAITING")
_NOTICE = re.compile(r"sasa-nas: trial \d+ is not trained: ")
"""Of a network that a retraining could not train; the last line counts them."""
SPENT = ("trained", "stopped", "diverged", "broken", "out_of_memory", "timed_out", "lost")


@dataclass(frozen=True)
class Trial:
    """A trial as the database has it.

    Attributes:
        state: Optuna's.
        record: What the search kept of it.
        values: Its objectives.
    """

    state: str
    record: dict[str, Any]
    values: tuple[float, ...]

    @property
    def finished(self) -> bool:
        """True once the trial has ended, in whatever way."""
        return self.state not in LEFT

    @property
    def spent(self) -> bool:
        """True if it counts against the trials asked for."""
        return self.finished and self.record.get("outcome") in SPENT


def read_study(run: Path) -> dict[int, Trial]:
    """Return the trials of a run by number, none where there is no study yet.

    A copy is read, so that nothing is changed by looking.

    Raises:
        sqlite3.DatabaseError: If the file is damaged.
        ValueError: If something in it is.
    """
    if not (run / "study.db").exists():
        return {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("study.db", "study.db-wal"):
            if (run / name).exists():
                shutil.copyfile(run / name, Path(scratch) / name)
        with closing(sqlite3.connect(Path(scratch) / "study.db")) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'trials'").fetchone():
                return {}
            rows = connection.execute("SELECT trial_id, number, state FROM trials").fetchall()
            kept = dict(
                connection.execute("SELECT trial_id, value_json FROM trial_user_attributes WHERE key = 'record'")
            )
            values: dict[int, list[float]] = {}
            for trial, value in connection.execute("SELECT trial_id, value FROM trial_values ORDER BY objective"):
                values.setdefault(trial, []).append(value)
    return {
        number: Trial(state, json.loads(kept.get(trial, "{}")), tuple(values.get(trial, ())))
        for trial, number, state in rows
    }


def changed(before: dict[int, Trial], after: dict[int, Trial]) -> list[str]:
    """Return what became of finished trials that should have stayed as they were."""
    return [
        f"trial {number} was finished and is {'gone' if number not in after else 'another now'}"
        for number, trial in before.items()
        if trial.finished and after.get(number) != trial
    ]


def unfinished(trials: dict[int, Trial], wanted: int) -> list[str]:
    """Return what a finished search's study still has to do."""
    found = [f"trial {number} is left {trial.state}" for number, trial in trials.items() if not trial.finished]
    spent = sum(trial.spent for trial in trials.values())
    if spent != wanted:
        found.append(f"{spent} trials are finished, not {wanted}")
    failed = [number for number, trial in trials.items() if trial.spent and trial.record["outcome"] not in SPENT[:2]]
    return found + [f"trial {number} is {trials[number].record['outcome']}" for number in failed]


def leftovers(run: Path) -> list[str]:
    """Return the half-written and needless files in a finished run's folder."""
    hidden = [path for path in run.rglob(".*") if path.name != ".lock"]
    needless = [*run.rglob("checkpoint*"), *run.glob("study.db-*")]
    return [f"{path.relative_to(run)} is left" for path in sorted({*hidden, *needless})]


def kept_for_ever(temporary: Path) -> list[str]:
    """Return what lies in the temporary folder that no later run would remove."""
    found = []
    for path in sorted(temporary.iterdir()):
        lock = path / ".in-use"
        if path.name.startswith("sasa-nas-") and lock.exists():
            handle = os.open(lock, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                found.append(f"{path.name} in the temporary folder is locked by nobody's process")
            finally:
                os.close(handle)
        # torch makes this one, empty, under the same name each time
        elif not path.name.startswith("torchinductor_"):
            found.append(f"{path.name} is left in the temporary folder")
    return found


def one_line(stderr: str) -> list[str]:
    """Return the complaints about a refusal that is not one line of the program's own at the end."""
    if "Traceback" in stderr:
        return ["there is a traceback on stderr"]
    lines = [line for line in stderr.splitlines() if line.startswith("sasa-nas: ") and not _NOTICE.match(line)]
    if len(lines) != 1 or stderr.splitlines()[-1] != lines[0]:
        return [f"stderr does not end with one line that says what to do: {stderr[-300:]!r}"]
    return []
