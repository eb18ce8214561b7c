"""Records of a table, and its file: gzip'ed JSON, a few tens of kilobytes for a few hundred networks."""

import errno
import gzip
import io
import json
import zlib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import LARGEST_TABLE, UnfitFile, read_bytes, write_atomically
from sasa_nas.space import Architecture

Count = Annotated[int, Field(ge=0, lt=2**63)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class TableInfo(BaseModel):
    """Facts common to all rows of a table."""

    model_config = ConfigDict(frozen=True)

    space: dict[str, Any]
    """The search space, proxy included, as plain data."""
    dataset: str
    epochs: Annotated[Count, Field(ge=1)]
    seeds: Annotated[tuple[Count, ...], Field(min_length=1)]
    """Seeds of initial weights, batches and augmentation. Every network has the first; some may have no more."""
    train_images: Count
    validation_images: Count
    created: datetime
    versions: dict[str, str]
    git: str | None
    device: str


class Row(BaseModel):
    """A row of a table: one network."""

    model_config = ConfigDict(frozen=True)

    choices: dict[str, str | int | float | bool | None]
    """Choice at each fork of the space, by the fork's name."""
    architecture: Architecture
    """The trained network."""
    flops: Count
    """FLOPs of one image, two per multiply-accumulate."""
    params: Count
    macs: dict[str, Count]
    """Multiply-accumulates by kind."""
    accuracy: tuple[tuple[Share, ...], ...]
    """Accuracy on the validation part, by seed (the first ones of the table's) and epoch."""
    train_loss: tuple[tuple[float, ...], ...]
    validation_loss: tuple[tuple[float, ...], ...] | None = None
    """Mean cross-entropy in nats, by seed and epoch; None in tables of versions without it."""
    seconds: tuple[Seconds, ...]
    """Wall-clock time of each seed's training, on a machine that may have been busy."""
    latency: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """Seconds of one image's forward pass on one thread of the table's device, measured alone; None if not measured."""


class Table(BaseModel):
    """A table of trainings."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    info: TableInfo
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _rows_are_complete(self) -> "Table":
        for i, row in enumerate(self.rows):
            trainings = len(row.seconds)
            if not 1 <= trainings <= len(self.info.seeds):
                raise ValueError(f"rows[{i}].seconds is not of 1 to {len(self.info.seeds)} seeds")
            courses = {"accuracy": row.accuracy, "train_loss": row.train_loss, "validation_loss": row.validation_loss}
            for name, numbers in courses.items():
                if numbers is None:
                    continue
                if len(numbers) != trainings or any(len(curve) != self.info.epochs for curve in numbers):
                    raise ValueError(f"rows[{i}].{name} is not {trainings} seeds of {self.info.epochs} epochs")
        return self


def save_table(table: Table, path: Path) -> None:
    """Write a table; the same table gives the same bytes.

    Raises:
        OSError: If the file cannot be written.
    """
    text = json.dumps(table.model_dump(mode="json"), separators=(",", ":"))
    write_atomically(path, lambda temporary: _write(temporary, gzip.compress(text.encode(), mtime=0)))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def load_table(path: Path) -> Table:
    """Read a table.

    Raises:
        UserError: If the file cannot be read, or is no table.

    Examples:
        >>> len(load_table(Path("tables/hybrid256_digits.json.gz")).rows)  # doctest: +SKIP
        256
    """
    try:
        return Table.model_validate_json(_unpacked(read_bytes(path, LARGEST_TABLE, follow=True)))
    except FileNotFoundError as error:
        raise UserError(f"there is no table {path}; `sasa-nas table` makes one") from error
    except OSError as error:  # not gzip, too
        raise UserError(f"{path} cannot be read as a table: {error.strerror or one_line(error)}") from error
    except (EOFError, zlib.error, ValidationError) as error:
        raise UserError(f"{path} is no table, or damaged: {one_line(error)[:200]}") from error


def _unpacked(content: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        unpacked = file.read(LARGEST_TABLE + 1)
    if len(unpacked) > LARGEST_TABLE:
        raise UnfitFile(errno.EFBIG, f"it has more than {LARGEST_TABLE:,} bytes, unpacked")
    return unpacked
