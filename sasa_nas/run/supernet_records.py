"""Records of a supernet: how it was trained, and its judgement of every design."""

import os
import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sasa_nas.errors import one_line
from sasa_nas.files import LARGEST_LOG, read_bytes, write_text
from sasa_nas.run.plain import check_supernet
from sasa_nas.run.provenance import Command
from sasa_nas.run.reader import RunError, read_record
from sasa_nas.run.records import Accuracy, Finite
from sasa_nas.run.supernet_folder import SupernetFolder
from sasa_nas.run.training_records import Seed

ONE_SHOT = "one_shot"
"""Name of a supernet's judgement among the scores of a design."""


class SupernetInfo(BaseModel):
    """The content of supernet.json."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    space: dict[str, Any]
    """The search space as plain data; its proxy says how the supernet is trained, epochs included."""
    device_type: str
    """`cpu` or `cuda`: a resume on another would mix results."""
    created: datetime
    command: Command
    versions: dict[str, str]
    git: str | None
    device: str
    mean: tuple[float, ...]
    """Per channel, what is subtracted from a pixel before training, in the data set's own unit."""
    std: tuple[float, ...]
    """Per channel, what it is divided by afterwards."""


class PathRecord(BaseModel):
    """The judgement of one design by one supernet, after its batch norm was recalibrated."""

    model_config = ConfigDict(frozen=True)

    architecture_id: str
    seed: Seed
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
        records = _read_lines(path) if os.path.lexists(path) else []
        for record in records:
            self.records[record.architecture_id, record.seed] = record
        # without the line that a kill cut off, which the next one would be joined to
        write_text(path, "".join(record.model_dump_json() + "\n" for record in self.records.values()))

    def add(self, record: PathRecord) -> None:
        """Append a record; it is on the disk when this returns.

        Raises:
            OSError: If it cannot be written.
        """
        with self._path.open("a", encoding="utf-8") as file:
            file.write(record.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.records[record.architecture_id, record.seed] = record


def read_supernet(folder: SupernetFolder) -> SupernetInfo:
    """Return how a supernet is trained.

    Raises:
        RunError: If the folder is no supernet's, or its supernet.json cannot be read.
    """
    check_supernet(folder)
    missing = f"{folder.path} is no supernet: it has no supernet.json; `sasa-nas supernet` makes one"
    return read_record(folder.info, SupernetInfo, missing)


def read_paths(folder: SupernetFolder) -> list[PathRecord]:
    """Return all judged paths of a supernet, also while it judges more; none if none is judged yet.

    Raises:
        RunError: If the folder is no supernet's, or its paths cannot be read.
    """
    read_supernet(folder)
    try:
        return _read_lines(folder.paths)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{folder.paths} cannot be read: {error.strerror or one_line(error)}") from error


def _read_lines(path: Path) -> list[PathRecord]:
    """Return the records of a file, without lines that are none, such as one that a kill cut off."""
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


def one_shot_scores(records: Sequence[PathRecord]) -> Mapping[str, float]:
    """Return a score of each design, the higher the better: minus its mean validation loss over all seeds, by its id.

    Designs that a seed has not judged are left out, as seeds shift all losses.
    """
    return {design: -statistics.fmean(losses) for design, losses in losses_by_design(records).items()}
