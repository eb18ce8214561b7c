"""Resources outside a run's or a training's folder: used only where the command names them too."""

import shlex
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

from sasa_nas.data.folders import names_folder
from sasa_nas.errors import UserError, printable
from sasa_nas.run.records import RunInfo
from sasa_nas.run.training_records import BaseTrainingSettings

PRIVATE = "local"
"""Address of a private Ray on this machine, whatever cluster the record names. Ray calls it so too."""
NO_STORAGE = "none"
"""Storage that stands for the run's own folder, whatever URL the record names."""


@dataclass(frozen=True)
class ExternalResources:
    """Resources outside a folder that its record or a command names; None for those that are not named.

    A folder may come from a stranger: a cluster that it names could execute the stranger's code, a storage or a data
    folder could be any place that the user may write or read.

    Attributes:
        address: A running Ray cluster.
        storage: The URL of a folder where workers keep trials.
        data_dir: Folder that data sets lie in or are downloaded to.
        dataset: A data set that is a folder, such as `imagefolder:/data/flowers`.
    """

    address: str | None = None
    storage: str | None = None
    data_dir: Path | None = None
    dataset: str | None = None

    @classmethod
    def of_run(cls, info: RunInfo) -> "ExternalResources":
        """Return what a search's record names.

        Raises:
            DescriptionError: If the record's space has no data set.
        """
        settings = info.settings
        return cls(
            address=settings.address,
            storage=settings.storage,
            data_dir=settings.data_dir,
            dataset=folder_or_none(info.dataset),
        )

    @classmethod
    def of_training(cls, settings: BaseTrainingSettings) -> "ExternalResources":
        """Return what the record of a training names."""
        return cls(data_dir=settings.data_dir, dataset=folder_or_none(settings.dataset))

    @property
    def options(self) -> tuple[str, ...]:
        """The words of a command line that name them."""
        named = ((field.name.replace("_", "-"), getattr(self, field.name)) for field in fields(self))
        return tuple(word for name, value in named if value is not None for word in (f"--{name}", str(value)))


NOTHING = ExternalResources()
"""No command names anything."""

Resources = TypeVar("Resources", bound=ExternalResources)


def folder_or_none(dataset: str) -> str | None:
    """Return a data set's name if it is a folder's, else None."""
    return dataset if names_folder(dataset) else None


def confirmed(recorded: Resources, named: Resources, folder: Path) -> Resources:
    """Return what may be used of the resources that a folder's record names: what the command names, no more.

    Args:
        recorded: Resources that the folder's record names.
        named: Resources that the command names; another value takes the place of the recorded one, `PRIVATE` and
            `NO_STORAGE` do without any.
        folder: Path of the folder, for the message.

    Raises:
        UserError: If the record names something that the command does not.
    """
    given = {field.name: None for field in fields(recorded) if getattr(named, field.name) is not None}
    missing = replace(recorded, **given).options
    if missing:
        raise UserError(
            f"{folder} uses what lies outside it, which a command has to name too: if you trust it, add "
            + printable(shlex.join(missing))
        )
    return replace(
        named,
        address=None if named.address == PRIVATE else named.address,
        storage=None if named.storage == NO_STORAGE else named.storage,
    )
