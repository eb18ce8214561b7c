"""Options for the external resources of a run or a training, and their words for a command to copy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sasa_nas.run import ExternalResources, RunFolder
    from sasa_nas.run.retraining_records import RetrainingInfo
    from sasa_nas.run.training_records import TrainingInfo

Address = Annotated[
    str | None,
    typer.Option(help="The Ray cluster to join; local for a private one instead of the run's.", show_default=False),
]
Storage = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The run's storage; none to keep trials in its folder.", show_default=False),
]
DataDir = Annotated[
    Path | None, typer.Option(help="Where its data set lies, if it was begun with this option.", show_default=False)
]
Dataset = Annotated[
    str | None,
    typer.Option(help="Its data set, if that is a folder, wherever it lies now.", show_default=False),
]


def resources(
    address: str | None, storage: str | None, data_dir: Path | None, dataset: str | None
) -> ExternalResources:
    """Return the resources that a command names, with paths relative to the working directory."""
    from sasa_nas.run import ExternalResources

    return ExternalResources(address, storage, data_dir.resolve() if data_dir else None, dataset)


def words_for_run(folder: RunFolder) -> tuple[str, ...]:
    """Return the options that `resume`, or any command that trains in a run, needs."""
    from sasa_nas.run import ExternalResources, read_info

    return ExternalResources.of_run(read_info(folder)).options


def words_for_training(info: TrainingInfo | RetrainingInfo) -> tuple[str, ...]:
    """Return the options that a command needs to resume a training, or to read the same images."""
    from sasa_nas.run import ExternalResources

    return ExternalResources.of_training(info.settings).options
