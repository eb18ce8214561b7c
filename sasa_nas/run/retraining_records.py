"""Record of a retraining: the networks of a run that are trained in full, and the settings."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sasa_nas.run.folder import RetrainingFolder, RunFolder
from sasa_nas.run.plain import check_retraining
from sasa_nas.run.provenance import Command
from sasa_nas.run.reader import RunError, read_record
from sasa_nas.run.records import Natural
from sasa_nas.run.training_records import TrainingSettings

Size = Literal["target", "proxy"]
"""Width and depth of a retraining: the design's own, or those at which the search trained it."""

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"
"""Pattern of a retraining's name, which is a folder's."""


class RetrainedDesign(BaseModel):
    """One network that is to be trained, and what is known of it without."""

    model_config = ConfigDict(frozen=True)

    trial: Natural
    flops: Natural
    """FLOPs of one image, two a multiply-accumulate, at the size that is trained here."""
    params: Natural


class RetrainingInfo(BaseModel):
    """The content of retrain.json."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    size: Size
    settings: TrainingSettings
    designs: Annotated[tuple[RetrainedDesign, ...], Field(min_length=1)]
    """The cheapest first."""
    created: datetime
    command: Command
    versions: dict[str, str]
    git: str | None
    device: str


def read_retraining(folder: RetrainingFolder) -> RetrainingInfo:
    """Request of a retraining.

    Raises:
        RunError: If there is none, or its retrain.json cannot be read.
    """
    check_retraining(folder)
    missing = f"{folder.path} is no retraining: it has no retrain.json; `sasa-nas retrain` makes one"
    return read_record(folder.info, RetrainingInfo, missing)


def list_retrainings(folder: RunFolder) -> list[str]:
    """Return the names of a run's retrainings, in alphabetical order."""
    try:
        return sorted(path.name for path in folder.retrainings.iterdir() if (path / "retrain.json").is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunError(f"{folder.retrainings} cannot be read: {error.strerror}") from error
