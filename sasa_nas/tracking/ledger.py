"""The file that tells how much of each run a tracker has, so that a later session repeats nothing."""

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sasa_nas.files import LARGEST_CURVE, append_line, read_text
from sasa_nas.tracking.tracker import Earlier, Status

FILE = "tracked.jsonl"
"""Name of the file in the tool's folder."""


class _Line(BaseModel):
    """A line of the file; the last one of a run and a destination counts."""

    model_config = ConfigDict(frozen=True)

    run: str
    destination: str
    """A hash: addresses may hold passwords."""
    id: Annotated[str, Field(pattern=r"^[\w.-]+$", max_length=128)]
    step: Annotated[int, Field(ge=0, lt=2**63)]
    status: Status | None = None
    """Status at the end of the run; None while it is under way."""


class Ledger:
    """Ledger of the runs that one tool tracks in one folder.

    Lines are appended after the tool has taken what they tell of. Lines that a kill cut off, or that are foreign, are
    passed over: at most a point is repeated.

    Args:
        path: File of the ledger; made with the first line.
        destination: Destination of the tracker, whose runs alone are looked up.

    Raises:
        OSError: If there is a file that cannot be read.
    """

    def __init__(self, path: Path, destination: str) -> None:
        self._path = path
        self._destination = hashlib.sha256(destination.encode()).hexdigest()[:16]
        self._lines: dict[str, _Line] = {}
        if path.exists():
            text = read_text(path, LARGEST_CURVE)
            for line in text.splitlines():
                self._read(line)
            if text and not text.endswith("\n"):
                append_line(path, "")

    def _read(self, text: str) -> None:
        try:
            line = _Line.model_validate_json(text)
        except ValidationError:
            return
        if line.destination == self._destination:
            self._lines[line.run] = line

    def earlier(self, run: str) -> Earlier | None:
        """Return the trace of a run, by its key; None if there is none."""
        line = self._lines.get(run)
        return None if line is None else Earlier(line.id, line.step)

    def status(self, run: str) -> Status | None:
        """Return the status at the end of a run, by its key; None if it has not ended or is not known."""
        line = self._lines.get(run)
        return None if line is None else line.status

    def keep(self, run: str, id: str, step: int, status: Status | None = None) -> None:  # noqa: A002  a line's field
        """Append how far a run is.

        Args:
            run: Key of the run.
            id: Identity of the run in the tracker.
            step: Last step that the tracker has.
            status: Status at its end; None while it is under way.

        Raises:
            OSError: If the file cannot be written.
        """
        line = _Line(run=run, destination=self._destination, id=id, step=step, status=status)
        append_line(self._path, line.model_dump_json(exclude_none=True))
        self._lines[run] = line
