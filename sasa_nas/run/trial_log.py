"""The file that holds every trial of a run: a line for each change of a trial, the last of which counts.

Lines are only ever appended, so that a killed process leaves at most one line without an end, which nobody was told
of. A trial's end is on the disk before the search goes on.
"""

import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic_core import from_json

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import LARGEST_LOG, read_bytes, write_bytes
from sasa_nas.run.outcomes import Outcome
from sasa_nas.run.records import TrialRecord
from sasa_nas.run.stored_trial import StoredTrial, record_of_data


def read_log(path: Path) -> list[TrialRecord]:
    """Return the trials that a file holds, by number, also while another process writes to it.

    Raises:
        OSError: If it cannot be read, or is no plain file.
        ValueError: If it holds anything else; the message says where.
    """
    trials, _ = _read(path)
    return [record_of_data(data) for data in trials]


def write_log(path: Path, trials: Iterable[StoredTrial]) -> None:
    """Write all trials of a run to a new file, whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    write_bytes(path, b"".join(trial.to_line() for trial in trials))


class TrialLog:
    """The file of a run's trials, open for its one writer; a context manager.

    Args:
        path: The file; made where there is none.
        go_on: The command that goes on with the run, for the errors.

    Raises:
        OSError: If it cannot be read or written, or is no plain file.
        ValueError: If it holds anything else than trials.
    """

    def __init__(self, path: Path, go_on: str) -> None:
        self._path = path
        self._go_on = go_on
        self.trials: list[StoredTrial] = []
        """Those that earlier sessions left, by number."""
        size = 0
        if os.path.lexists(path):
            trials, size = _read(path)
            self.trials = [StoredTrial.of_data(data) for data in trials]
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o666)
        os.ftruncate(self._file, size)  # without the line that a kill cut off, which the next would be joined to
        self._size = size

    def append(self, trial: StoredTrial) -> None:
        """Write what a trial is from now on; its end is on the disk when this returns.

        Raises:
            UserError: If the file cannot be written; then it is as it was before.
        """
        line = trial.to_line()
        try:
            written = os.write(self._file, line)
            while written < len(line):  # a disk that is full takes a part, and tells why at the next attempt
                written += os.write(self._file, line[written:])
            if trial.record.outcome not in (Outcome.RUNNING, Outcome.WAITING):
                os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise UserError(
                f"{self._path} cannot be written: {error.strerror or one_line(error)}; make room on its disk, and go "
                f"on with `{self._go_on}`"
            ) from error
        self._size += len(line)

    def __enter__(self) -> "TrialLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._file)


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the last line of each trial as JSON, and how many bytes whole lines take.

    Of a line that counts no more the two ends are looked at, and that no other line is joined to it: to parse all lines
    takes three times as long.
    """
    content = read_bytes(path, LARGEST_LOG)
    size = content.rfind(b"\n") + 1
    last: list[tuple[int, bytes]] = []
    for place, line in enumerate(content[:size].split(b"\n")[:-1], start=1):
        begin = _BEGIN.match(line)
        whole = begin is not None and line.endswith(b"}") and line.find(_NUMBER, 1) < 0
        number = int(begin[1]) if begin is not None and whole else _number(_parse(line, place))
        if number is None or number > len(last):
            raise ValueError(f"line {place}: there is no number of a trial, or trials before it are missing")
        last[number : number + 1] = [(place, line)]
    found: list[dict[str, Any]] = []
    for number, (place, line) in enumerate(last):
        found.append(_parse(line, place))
        if _number(found[number]) != number:
            raise ValueError(f"line {place} has two numbers of a trial")
    return found, size


_NUMBER = b'{"number":'
_BEGIN = re.compile(re.escape(_NUMBER) + rb"(0|[1-9][0-9]{0,9}),")
"""Begin of every line that `StoredTrial.to_line` writes; quotes inside its texts are escaped."""


def _number(data: dict[str, Any]) -> int | None:
    number = data.get("number")
    return number if type(number) is int and number >= 0 else None


def _parse(line: bytes, place: int) -> dict[str, Any]:
    try:
        data = _value(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {place} is no JSON") from error
    if not isinstance(data, dict):
        raise ValueError(f"line {place} holds no trial")
    return data


def _value(line: bytes) -> Any:
    """Return the value of a line of JSON, by the faster parser where it can."""
    try:
        return from_json(line)
    except ValueError:
        # deep nesting and lone surrogates, which `json` writes
        return json.loads(line)
