"""Judgements of single designs by a supernet, and the file that holds them: a JSON object a line."""

import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sasa_nas.files import LARGEST_LOG, append_line, read_bytes, write_text
from sasa_nas.run.records import Accuracy, Finite, Natural

ONE_SHOT = "one_shot"
"""Name of a supernet's judgement among the scores of a design."""


class PathRecord(BaseModel):
    """The judgement of one design by one supernet, after its batch norm was recalibrated."""

    model_config = ConfigDict(frozen=True)

    architecture_id: str
    seed: Natural
    """Seed of the supernet."""
    validation_loss: Annotated[Finite, Field(ge=0.0)]
    """Mean cross-entropy in nats on the whole validation part."""
    accuracy: Accuracy
    """Share of right answers on it."""


class PathLog:
    """The file of judged paths, open for its one writer: lines are only ever appended.

    Args:
        path: The file; made if it does not exist.

    Raises:
        OSError: If it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.records: dict[tuple[str, int], PathRecord] = {}
        """The judged paths, by design and seed."""
        records = read_path_lines(path) if os.path.lexists(path) else []
        for record in records:
            self.records[record.architecture_id, record.seed] = record
        # without the line that a kill cut off, which the next one would be joined to
        write_text(path, "".join(record.model_dump_json() + "\n" for record in self.records.values()))

    def add(self, record: PathRecord) -> None:
        """Append a record; it is on the disk when this returns.

        Raises:
            OSError: If it cannot be written.
        """
        append_line(self._path, record.model_dump_json())
        self.records[record.architecture_id, record.seed] = record


def read_path_lines(path: Path) -> list[PathRecord]:
    """Return the records of a file, without lines that are none, such as one that a kill cut off.

    Raises:
        OSError: If it cannot be read.
    """
    found: list[PathRecord] = []
    for line in read_bytes(path, LARGEST_LOG).decode("utf-8", errors="replace").splitlines():
        try:
            found.append(PathRecord.model_validate_json(line))
        except ValidationError:
            continue
    return found


def losses_by_design(records: Sequence[PathRecord]) -> dict[str, tuple[float, ...]]:
    """Return the validation losses of the designs that all seeds have judged, by their ids; one a seed."""
    seeds = sorted({record.seed for record in records})
    found: dict[str, dict[int, float]] = {}
    for record in records:
        found.setdefault(record.architecture_id, {})[record.seed] = record.validation_loss
    return {
        design: tuple(losses[seed] for seed in seeds) for design, losses in found.items() if len(losses) == len(seeds)
    }


def one_shot_scores(records: Sequence[PathRecord]) -> dict[str, float]:
    """Return a score of each design, the higher the better: minus its mean validation loss over all seeds, by its id.

    Designs that a seed has not judged are left out, as seeds shift all losses.
    """
    return {design: -statistics.fmean(losses) for design, losses in losses_by_design(records).items()}
