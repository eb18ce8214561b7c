"""Record of a supernet, and the reading of its folder."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sasa_nas.errors import one_line
from sasa_nas.run.path_records import PathRecord, read_path_lines
from sasa_nas.run.plain import check_supernet
from sasa_nas.run.provenance import Command
from sasa_nas.run.reader import RunError, read_record
from sasa_nas.run.supernet_folder import SupernetFolder


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
        return read_path_lines(folder.paths)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{folder.paths} cannot be read: {error.strerror or one_line(error)}") from error
