"""What a table holds, and its file: gzip'ed JSON, a few tens of kilobytes for a few hundred networks."""

import gzip
import json
import zlib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import write_atomically
from sasa_nas.space import Architecture

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class TableInfo(BaseModel):
    """How a table was made: the same for all of its rows."""

    model_config = ConfigDict(frozen=True)

    space: dict[str, Any]
    """The search space, proxy included, as plain data."""
    dataset: str
    epochs: Annotated[int, Field(ge=1)]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    """Each fixes a training's initial weights, batches and augmentation."""
    train_images: int
    validation_images: int
    created: datetime
    versions: dict[str, str]
    git: str | None
    device: str


class Row(BaseModel):
    """One network."""

    model_config = ConfigDict(frozen=True)

    choices: dict[str, str | int | float | bool | None]
    """What was chosen at each fork of the space."""
    architecture: Architecture
    """The trained network."""
    flops: Annotated[int, Field(ge=0)]
    """Of one image, two a multiply-accumulate."""
    params: Annotated[int, Field(ge=0)]
    macs: dict[str, int]
    """Multiply-accumulates by kind."""
    accuracy: tuple[tuple[Share, ...], ...]
    """On the validation part: a row a seed, a number an epoch."""
    train_loss: tuple[tuple[float, ...], ...]
    seconds: tuple[Seconds, ...]
    """Wall-clock time of each seed's training, on a machine that may have been busy."""


class Table(BaseModel):
    """A whole table."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    info: TableInfo
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _rows_are_complete(self) -> "Table":
        shape = (len(self.info.seeds), self.info.epochs)
        for i, row in enumerate(self.rows):
            for name, numbers in (("accuracy", row.accuracy), ("train_loss", row.train_loss)):
                if len(numbers) != shape[0] or any(len(curve) != shape[1] for curve in numbers):
                    raise ValueError(f"rows[{i}].{name} is not {shape[0]} seeds of {shape[1]} epochs")
            if len(row.seconds) != shape[0]:
                raise ValueError(f"rows[{i}].seconds is not of {shape[0]} seeds")
        return self


def save_table(table: Table, path: Path) -> None:
    """Writes a table; the same table gives the same bytes.

    Raises:
        OSError: If the file cannot be written.
    """
    text = json.dumps(table.model_dump(mode="json"), separators=(",", ":"))
    write_atomically(path, lambda temporary: _write(temporary, gzip.compress(text.encode(), mtime=0)))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def load_table(path: Path) -> Table:
    """Reads a table.

    Raises:
        UserError: If the file cannot be read or is no table.
    """
    try:
        return Table.model_validate_json(gzip.decompress(path.read_bytes()))
    except FileNotFoundError as error:
        raise UserError(f"there is no table {path}; `sasa-nas table` makes one") from error
    except OSError as error:  # not gzip, too
        raise UserError(f"{path} cannot be read as a table: {one_line(error)}") from error
    except (EOFError, zlib.error, ValidationError) as error:
        raise UserError(f"{path} is no table, or damaged: {one_line(error)[:200]}") from error
