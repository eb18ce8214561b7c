"""Trains one network outright: a folder, one seed after the other, and the test part at the very end."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch
from pydantic import ValidationError

from sasa_nas.data.registry import load
from sasa_nas.data.splits import Splits
from sasa_nas.errors import UserError
from sasa_nas.experiment.material import load_for, load_network, require_unchanged, within_memory
from sasa_nas.experiment.observer import SilentObserver, TrainingObserver, TrainingSummary
from sasa_nas.export.weights import save_weights
from sasa_nas.files import write_text
from sasa_nas.models import build
from sasa_nas.run import (
    SeedFolder,
    TrainingFolder,
    TrainingInfo,
    TrainingResult,
    TrainingSettings,
    read_result,
    read_training,
)
from sasa_nas.run.new_folder import default_folder, require_new, sole_writer, unwritable
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.run.trained import training_data
from sasa_nas.run.training_records import Score, SeedResult, Spread
from sasa_nas.space import Architecture, Image, load_architecture
from sasa_nas.space.complaints import complain
from sasa_nas.space.scaling import fitted_to, scaled
from sasa_nas.train.device import describe_device, pick_device
from sasa_nas.train.evaluate import evaluate
from sasa_nas.train.loop import NonFiniteLoss
from sasa_nas.train.outright import train_outright
from sasa_nas.train.proxy import EpochMetrics, Trainer, require_batches
from sasa_nas.train.seeding import seeded


@dataclass(frozen=True)
class _Plan:
    """A network, data that are at hand, and how to train; nothing is left that a person could have got wrong."""

    architecture: Architecture
    settings: TrainingSettings
    splits: Splits
    device: torch.device


def train_network(
    architecture: Architecture,
    settings: TrainingSettings,
    *,
    name: str,
    out: Path | None = None,
    observer: TrainingObserver | None = None,
    command: str = "",
) -> TrainingSummary:
    """Trains a network on a data set, to whose images and classes it is fitted, and keeps everything in a new folder.

    The test part is read once, when all seeds are trained. Ctrl-C ends the training early.

    Args:
        architecture: The network, for images and classes of any number.
        settings: On what and how it is trained, with which seeds.
        name: What the network is called.
        out: The folder, which must not exist or be empty; `runs/train-<name>-<time>` where it is left out.
        observer: Told of everything that happens.
        command: The command line that asked for this, for the record.

    Raises:
        UserError: If it cannot be trained as asked, and then nothing was written; or if the disk is full, the
            GPU's memory is too small or the training diverges, and then `resume_training` can go on.
    """
    folder = TrainingFolder(out or default_folder(f"train-{_file_name(name)}"))
    if folder.info.exists():
        raise UserError(
            f"{folder.path} already holds a training; go on with it (`sasa-nas train --resume {folder.path}`) "
            "or choose another --out"
        )
    require_new(folder.path)
    plan = _plan(architecture, settings, name)
    info = _make_folder(folder, plan, name, command)
    return _carry_out(folder, info, plan, observer or SilentObserver())


def resume_training(path: Path, *, observer: TrainingObserver | None = None) -> TrainingSummary:
    """Goes on with a training where it stopped, to the same result on a CPU as without the stop.

    Args:
        path: The training's folder. A finished training is left as it is.
        observer: Told of everything that happens.

    Raises:
        UserError: If `path` is no training, its data set has changed, or another process is training in it; and
            as `train_network`.
    """
    folder = TrainingFolder(path)
    info = read_training(folder)
    if folder.result.exists():
        return TrainingSummary(folder, info, read_result(folder))
    architecture = load_architecture(folder.architecture)
    if architecture.id != info.architecture_id:
        raise UserError(f"{folder.architecture} is not the network that {folder.info} speaks of; put it back")
    settings = info.settings
    device = pick_device(settings.device)
    splits = load_for(architecture, settings.dataset, settings.data_dir)
    require_unchanged(splits, training_data(info))
    plan = _Plan(architecture, settings, splits, device)
    return _carry_out(folder, info, plan, observer or SilentObserver())


def _file_name(name: str) -> str:
    """The last part of a network's name, a file's or a folder's, without what a folder's name should not hold."""
    path = Path(name).resolve()
    last = path.stem if path.suffix.lower() in (".json", ".yaml", ".yml") else path.name
    return re.sub(r"[^\w.-]+", "_", last)[:80]


def _plan(architecture: Architecture, settings: TrainingSettings, name: str) -> _Plan:
    device = pick_device(settings.device)
    splits = load(settings.dataset, data_dir=settings.data_dir, image_size=settings.image_size)
    require_batches(settings.recipe, splits.train)
    info = splits.info
    image = Image(channels=info.channels, height=info.height, width=info.width)
    try:
        thinned = scaled(architecture, settings.width_multiplier, settings.depth_multiplier)
        fitted = fitted_to(thinned, image, info.num_classes)
    except ValidationError as error:
        raise complain(f"{name}, fitted to {info.name}", error) from error
    # a folder's name is made absolute, so that a resume from elsewhere reads the same one
    return _Plan(fitted, settings.model_copy(update={"dataset": info.name}), splits, device)


def _make_folder(folder: TrainingFolder, plan: _Plan, name: str, command: str) -> TrainingInfo:
    mean, std = plan.splits.standardisation.per_channel()
    info = TrainingInfo(
        name=name,
        architecture_id=plan.architecture.id,
        settings=plan.settings,
        created=datetime.now(UTC),
        command=command,
        versions=versions(),
        git=git_state(),
        device=describe_device(plan.device),
        mean=mean,
        std=std,
    )
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        write_text(folder.architecture, plan.architecture.to_json())
        write_text(folder.info, info.model_dump_json(indent=2) + "\n")
    except OSError as error:
        folder.architecture.unlink(missing_ok=True)
        raise UserError(f"{unwritable(folder.path, error)}; choose another --out") from error
    return info


def _carry_out(folder: TrainingFolder, info: TrainingInfo, plan: _Plan, observer: TrainingObserver) -> TrainingSummary:
    """One session: trains the seeds that are left, then tests all."""
    result = None
    with (
        sole_writer(folder.path, folder.lock, f"sasa-nas train --resume {folder.path}"),
        within_memory(plan.settings.recipe.batch_size),
        suppress(KeyboardInterrupt),
    ):
        observer.training_started(folder, info)
        for seed in plan.settings.seeds:
            _train_seed(folder.seed(seed), plan, seed, observer)
        observer.testing_started()
        result = _test(folder, info, plan)
    return TrainingSummary(folder, info, result)


class _SeedProgress:
    """Keeps the metrics of one seed on disk, and passes on what happens."""

    def __init__(self, folder: SeedFolder, seed: int, observer: TrainingObserver) -> None:
        self._folder = folder
        self._seed = seed
        self._observer = observer

    def started(self, history: Sequence[EpochMetrics]) -> None:
        """Writes the metrics again: a kill may have come between them and the checkpoint."""
        self._write(history)
        self._observer.seed_started(self._seed, len(history))

    def restarted(self, reason: str) -> None:
        """Passes it on."""
        self._observer.seed_restarted(self._seed, reason)

    def advanced(self, history: Sequence[EpochMetrics]) -> None:
        """Writes the metrics with those of the last epoch."""
        self._write(history)
        self._observer.epoch_ended(self._seed, history[-1])

    def _write(self, history: Sequence[EpochMetrics]) -> None:
        write_text(self._folder.metrics, "".join(json.dumps(asdict(metrics)) + "\n" for metrics in history))


def _train_seed(place: SeedFolder, plan: _Plan, seed: int, observer: TrainingObserver) -> None:
    """Trains one seed to the end, unless it is; its weights are the last thing written."""
    place.path.mkdir(parents=True, exist_ok=True)
    # what a killed process was writing
    for stale in place.path.glob(".*"):
        stale.unlink()
    if not place.weights.exists():
        try:
            trainer = train_outright(
                partial(_trainer, plan, seed),
                EpochMetrics,
                checkpoint=place.checkpoint,
                progress=_SeedProgress(place, seed, observer),
            )
        except NonFiniteLoss as error:
            raise UserError(f"seed {seed} diverged: {error}; train anew with a lower --learning-rate") from error
        save_weights(place.weights, trainer.model.state_dict())
    place.checkpoint.unlink(missing_ok=True)


def _trainer(plan: _Plan, seed: int) -> Trainer:
    with seeded(seed):
        network = build(plan.architecture)
    splits, recipe = plan.splits, plan.settings.recipe
    return Trainer(network, splits.train, splits.validation, splits.info, recipe, seed=seed, device=plan.device)


def _test(folder: TrainingFolder, info: TrainingInfo, plan: _Plan) -> TrainingResult:
    """Measures the weights on disk, those that a reader will load, on the validation and the test part."""
    validation = plan.splits.validation.to(plan.device)
    test = plan.splits.load_test().to(plan.device)
    batch_size = max(256, plan.settings.recipe.batch_size)
    seeds: list[SeedResult] = []
    for seed in plan.settings.seeds:
        network = load_network(plan.architecture, folder.seed(seed).weights, plan.device)
        on_validation, on_test = (
            Score.model_validate(asdict(evaluate(network, part, batch_size=batch_size))) for part in (validation, test)
        )
        seeds.append(SeedResult(seed=seed, validation=on_validation, test=on_test))
    result = TrainingResult(
        name=info.name,
        architecture_id=info.architecture_id,
        dataset=plan.settings.dataset,
        epochs=plan.settings.recipe.epochs,
        seeds=tuple(seeds),
        validation=Spread.of([seed.validation.accuracy for seed in seeds]),
        test=Spread.of([seed.test.accuracy for seed in seeds]),
    )
    write_text(folder.result, result.model_dump_json(indent=2) + "\n")
    return result
