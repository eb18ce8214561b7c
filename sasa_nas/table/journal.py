"""Journal of the finished trainings of an unfinished table, one line each, for resuming."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from sasa_nas.documents import DescriptionError
from sasa_nas.errors import UserError
from sasa_nas.files import LARGEST_TABLE, append_line, read_bytes, write_text
from sasa_nas.space.files import trained_part


class TableTask(BaseModel):
    """The properties that two sessions must share to work on one table."""

    model_config = ConfigDict(frozen=True)

    space: dict[str, object]
    seeds: tuple[int, ...]
    device: str


class Curve(BaseModel):
    """Course of one training."""

    model_config = ConfigDict(frozen=True)

    architecture_id: str
    seed: int
    accuracy: tuple[float, ...]
    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...] = ()
    """Validation loss after every epoch; empty in journals of versions without it."""
    seconds: float


class Journal:
    """A file of lines: the task first, then a `Curve` for every finished training.

    Args:
        path: The file; made if it does not exist.
        task: Task of the table.

    Raises:
        UserError: If the file belongs to another table, or is no journal.
        OSError: If it cannot be read or written.
    """

    def __init__(self, path: Path, task: TableTask) -> None:
        self.path = path
        self.curves: dict[tuple[str, int], Curve] = {}
        head = task.model_dump_json()
        if not os.path.lexists(path):
            write_text(path, head + "\n")
            return
        lines = read_bytes(path, LARGEST_TABLE).decode("utf-8", errors="replace").splitlines()
        if not lines or not _same_table(lines[0], task):
            raise UserError(
                f"{path} holds trainings of another table (other space, seeds or device); "
                "move it away or choose another --out"
            )
        for curve in _readable(lines[1:]):
            self.curves[curve.architecture_id, curve.seed] = curve
        # without the line that a kill cut off, which the next one would be joined to
        write_text(path, "\n".join([head, *(curve.model_dump_json() for curve in self.curves.values())]) + "\n")

    def add(self, curve: Curve) -> None:
        """Append a training and synchronise the file with the disk.

        Raises:
            OSError: If it cannot be written.
        """
        append_line(self.path, curve.model_dump_json())
        self.curves[curve.architecture_id, curve.seed] = curve


def _same_table(line: str, task: TableTask) -> bool:
    """Return True if the first line of a journal, which may be of an older version, is of the same table."""
    try:
        earlier = TableTask.model_validate_json(line)
        same_space = trained_part(earlier.space) == trained_part(task.space)
    except (ValidationError, DescriptionError):
        return False
    return same_space and (earlier.seeds, earlier.device) == (task.seeds, task.device)


def _readable(lines: list[str]) -> Iterator[Curve]:
    for line in lines:
        try:
            yield Curve.model_validate(json.loads(line))
        except (ValueError, ValidationError, RecursionError):
            continue
