"""Reads what a run holds by JSON alone, apart from the program's own readers."""

import fcntl
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEFT = ("running", "waiting")
_NOTICE = re.compile(r"sasa-nas: trial \d+ is not trained: ")
"""Of a network that a retraining could not train; the last line counts them."""
SPENT = ("trained", "stopped", "diverged", "broken", "out_of_memory", "timed_out", "lost")


@dataclass(frozen=True)
class Trial:
    """A trial as its last line has it.

    Attributes:
        record: What the search kept of it, and of its sampler's part in it.
    """

    record: dict[str, Any]

    @property
    def finished(self) -> bool:
        """True once the trial has ended, in whatever way."""
        return self.record["outcome"] not in LEFT

    @property
    def spent(self) -> bool:
        """True if it counts against the trials asked for."""
        return self.record["outcome"] in SPENT


def read_trials(run: Path) -> dict[int, Trial]:
    """Return the trials of a run by number, none where there are none yet.

    Raises:
        ValueError: If a line that has an end is damaged, a trial is missing, or one goes on after its end.
    """
    try:
        content = (run / "trials.jsonl").read_bytes()
    except FileNotFoundError:
        return {}
    found: dict[int, Trial] = {}
    for line in content.split(b"\n")[:-1]:
        trial = Trial(json.loads(line))
        number = trial.record["number"]
        if number > len(found) or (number in found and found[number].finished):
            raise ValueError(f"trial {number} comes before others, or goes on after its end")
        found[number] = trial
    return found


def changed(before: dict[int, Trial], after: dict[int, Trial]) -> list[str]:
    """Return what became of finished trials that should have stayed as they were."""
    return [
        f"trial {number} was finished and is {'gone' if number not in after else 'another now'}"
        for number, trial in before.items()
        if trial.finished and after.get(number) != trial
    ]


def unfinished(trials: dict[int, Trial], wanted: int) -> list[str]:
    """Return what a finished search still has to do."""
    found = [
        f"trial {number} is left {trial.record['outcome']}" for number, trial in trials.items() if not trial.finished
    ]
    spent = sum(trial.spent for trial in trials.values())
    if spent != wanted:
        found.append(f"{spent} trials are finished, not {wanted}")
    failed = [number for number, trial in trials.items() if trial.spent and trial.record["outcome"] not in SPENT[:2]]
    return found + [f"trial {number} is {trials[number].record['outcome']}" for number in failed]


def leftovers(run: Path) -> list[str]:
    """Return the half-written and needless files in a finished run's folder."""
    hidden = [path for path in run.rglob(".*") if path.name != ".lock"]
    needless = [*run.rglob("checkpoint*"), *run.glob("study.journal.lock*")]
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
