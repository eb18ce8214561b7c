"""Records of one network's training and of its result, as plain data."""

import statistics
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sasa_nas.nodes import Misfit, NameIn
from sasa_nas.recipes import FullRecipe
from sasa_nas.run.plain import check_training
from sasa_nas.run.provenance import Command, Place, Told
from sasa_nas.run.reader import RunError, read_record
from sasa_nas.run.records import Natural
from sasa_nas.run.training_folder import TrainingFolder
from sasa_nas.space import Recipe
from sasa_nas.space.proxy import AnyRecipe, Multiplier, Schedule
from sasa_nas.space.validation_errors import space_error
from sasa_nas.tasks import CLASSIFICATION, TASKS, Task

TaskName = Annotated[str, NameIn(TASKS)]

Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
"""Seed for torch."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class BaseTrainingSettings(BaseModel):
    """Settings of the training of any task's network: data, recipe, seeds and device."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    """Name of a data set of `sasa_nas.data`."""
    image_size: Annotated[int, Field(ge=1)] | None = None
    """Side in pixels to which images are resized; default: the data set's or the network's own."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    """Each trains the network anew: its initial weights, the order of the data, the augmentation."""
    device: str = "auto"
    """Device for `sasa_nas.training.device.pick_device`: `auto`, `cpu`, `cuda` or `cuda:N`."""
    data_dir: Place | None = None
    """Folder that data sets lie in or are downloaded to; the default place if None."""
    recipe: Schedule | FullRecipe


Settings = TypeVar("Settings", bound=BaseTrainingSettings)


class TrainingSettings(BaseTrainingSettings):
    """Settings of the training of one classifier."""

    train_images: Annotated[int, Field(ge=1)] | None = None
    """Images of a stratified subset of the train part; default: all of them."""
    whole_train: Annotated[bool, Field(strict=True)] = False
    """Training on the train and the validation part together, if true, as published recipes of full trainings do, and
    the last epoch's network is measured on the test part alone."""
    recipe: AnyRecipe = Recipe()
    width_multiplier: Multiplier = 1.0
    depth_multiplier: Multiplier = 1.0
    pretrained: bool = False
    """Beginning of every seed with the weights that the network's folder holds, if true, but for the classifier of
    other classes."""
    frozen: Annotated[int, Field(ge=0, strict=True)] | Literal["backbone"] = 0
    """Parts that keep these weights: the stem and so many stages, or `backbone`, all but the classifier."""

    @model_validator(mode="after")
    def _whole_train_is_for_full_recipes(self) -> "TrainingSettings":
        if self.whole_train and not isinstance(self.recipe, FullRecipe):
            raise Misfit("whole_train", "is for full recipes alone; give --recipe, see `sasa-nas list recipes`")
        return self


class TrainingRecord(BaseModel):
    """The fields of training.json that trainings for all tasks have."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    name: Told
    """Name, file or folder by which the network was given."""
    architecture_id: str
    """The id of the network in architecture.json."""
    created: datetime
    command: Command
    versions: dict[str, str]
    git: str | None
    """The commit of the working folder at the start, `+` at its end for changes on top."""
    device: str
    """Description of the device that the training was begun on."""
    task: TaskName
    settings: BaseTrainingSettings


class _TaskRecord(BaseModel):
    """The one field of training.json that says what the others are."""

    task: TaskName = CLASSIFICATION.name


class TrainingInfo(TrainingRecord):
    """The content of a classifier's training.json."""

    task: Literal["classification"] = "classification"
    settings: TrainingSettings
    mean: tuple[float, ...]
    """Per channel, what is subtracted from a pixel before training, in the data set's own unit."""
    std: tuple[float, ...]
    """Per channel, what it is divided by afterwards."""
    class_names: tuple[str, ...] = ()
    """Names of the classes by label; empty if unknown."""
    inherited: Told | None = None
    """The supernet or the trained network that the first weights are of, if they are not drawn; they are in
    `TrainingFolder.inherited`."""


class Score(BaseModel):
    """A network's result on a part of the data: share of right answers, mean cross-entropy in nats."""

    model_config = ConfigDict(frozen=True)

    accuracy: Share
    loss: float


class Spread(BaseModel):
    """A share over several seeds: the mean and the sample's standard deviation, which one value does not have."""

    model_config = ConfigDict(frozen=True)

    mean: Share
    std: Annotated[float, Field(ge=0.0)] | None
    n: Annotated[int, Field(ge=1)]

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of `values`, of which there is at least one."""
        return cls(
            mean=statistics.fmean(values),
            std=statistics.stdev(values) if len(values) > 1 else None,
            n=len(values),
        )


class SeedResult(BaseModel):
    """Result of one seed, with the weights after its last epoch."""

    model_config = ConfigDict(frozen=True)

    seed: Seed
    validation: Score | None
    """None if the validation part was trained on, too."""
    test: Score


class ResultRecord(BaseModel):
    """The fields of result.json that trainings for all tasks have."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    task: TaskName
    name: Told
    architecture_id: str
    dataset: str
    epochs: Natural


class TrainingResult(ResultRecord):
    """The content of a classifier's result.json."""

    task: Literal["classification"] = "classification"
    seeds: Annotated[tuple[SeedResult, ...], Field(min_length=1)]
    validation: Spread | None
    """Spread of the accuracies on the validation part; None if it was trained on, too."""
    test: Spread
    """Spread of the accuracies on the test part."""

    @classmethod
    def of(
        cls, seeds: Sequence[SeedResult], *, name: str, architecture_id: str, dataset: str, epochs: int
    ) -> "TrainingResult":
        """Return the result of a training by those of its seeds.

        Args:
            seeds: Results of the seeds, all with a validation part or all without.
            name: Name of the network.
            architecture_id: The network's id.
            dataset: Name of the data set.
            epochs: Epochs of each seed.
        """
        held = [seed.validation.accuracy for seed in seeds if seed.validation is not None]
        return cls(
            name=name,
            architecture_id=architecture_id,
            dataset=dataset,
            epochs=epochs,
            seeds=tuple(seeds),
            validation=Spread.of(held) if held else None,
            test=Spread.of([seed.test.accuracy for seed in seeds]),
        )

    @property
    def validation_accuracies(self) -> tuple[float, ...]:
        """Accuracy of each seed on the validation part; empty if there was none."""
        return tuple(seed.validation.accuracy for seed in self.seeds if seed.validation is not None)

    @model_validator(mode="after")
    def _all_are_validated_or_none(self) -> "TrainingResult":
        if len(self.validation_accuracies) != (0 if self.validation is None else len(self.seeds)):
            raise Misfit("validation", "is of all seeds, or of none")
        return self


def validate_settings(kind: type[Settings], data: dict[str, Any], source: str) -> Settings:
    """Return settings of a kind from plain data; `source` names where they came from in an error.

    Raises:
        DescriptionError: If the data are no such settings.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise space_error(source, error) from error


def require_task(folder: TrainingFolder, task: Task) -> None:
    """Check that a folder holds a training for a task.

    Raises:
        RunError: If `folder` is not a training's, its training.json cannot be read, or it is for another task; the
            message names the commands that take it.
    """
    missing = f"{folder.path} is not a training: it has no training.json; `sasa-nas {task.train}` makes trainings"
    found = read_task(folder, missing)
    if found != task:
        raise RunError(
            f"{folder.path} is the training of a {found.network}; use `sasa-nas {found.train}` or "
            f"`sasa-nas {found.use}`"
        )


def read_task(folder: TrainingFolder, missing: str = "") -> Task:
    """Return the task of a training.

    Args:
        folder: Folder of the training.
        missing: Message of the error if there is no training.json; default: that it is gone.

    Raises:
        RunError: If training.json is missing or cannot be read.
    """
    check_training(folder)
    return TASKS[read_record(folder.info, _TaskRecord, missing or f"{folder.info} is gone").task]


def read_training(folder: TrainingFolder) -> TrainingInfo:
    """Request of a classifier's training.

    Raises:
        RunError: If `folder` is not a classifier's training, or its training.json cannot be read.
    """
    require_task(folder, CLASSIFICATION)
    return read_record(folder.info, TrainingInfo, f"{folder.info} is gone")


def read_result(folder: TrainingFolder) -> TrainingResult:
    """Return the result of a classifier's training.

    Raises:
        RunError: If it is not finished, or its result.json cannot be read.
    """
    check_training(folder)
    return read_record(folder.result, TrainingResult, unfinished(folder, CLASSIFICATION))


def unfinished(folder: TrainingFolder, task: Task) -> str:
    """Return in one line that a training has no result yet, and what to do."""
    return f"{folder.path} is not finished; go on with `{task.resuming(folder.path)}`"


def untrained(folder: TrainingFolder, task: Task) -> str:
    """Return in one line that a training has no trained weights yet, and what to do."""
    return f"no seed of {folder.path} is trained to the end; go on with `{task.resuming(folder.path)}`"
