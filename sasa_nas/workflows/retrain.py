"""Retraining of networks of a run in full, with several seeds each, in the run's own folder."""

import random
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sasa_nas.cost import count_network
from sasa_nas.data.decoded import Progress
from sasa_nas.data.folders import settled_name
from sasa_nas.data.registry import load
from sasa_nas.data.splits import DatasetInfo
from sasa_nas.errors import UserError
from sasa_nas.files import make_directory, write_text
from sasa_nas.run import ExternalResources, Outcome, RunError, RunFolder, RunInfo, TrialRecord, read_info, read_trials
from sasa_nas.run.external import confirmed, folder_or_none
from sasa_nas.run.folder import RetrainingFolder
from sasa_nas.run.new_folder import Unwritable, sole_writer, unwritable
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.run.retraining_records import NAME, RetrainedDesign, RetrainingInfo, Size, read_retraining
from sasa_nas.run.training_records import TrainingSettings, validate_settings
from sasa_nas.space import Proxy, SearchSpace
from sasa_nas.space.files import validate_space
from sasa_nas.training.device import describe_device, pick_device
from sasa_nas.workflows.observer import RetrainingObserver, TrainingObserver
from sasa_nas.workflows.train import fitted_network, resume_network, train_network

SEEDS = 3
"""Default number of trainings of each network."""


@dataclass(frozen=True)
class RetrainingRequest:
    """Settings of a retraining; None stands for the setting of the run, or of a retraining that was begun before.

    Attributes:
        trials: Numbers of trials; if empty, those the caller proposes, usually the front.
        sample: Number of further trained networks, drawn at random.
        size: Width and depth; default: `target`, or that of the existing retraining of this name.
        name: Name of the retraining; default: its size.
        seeds: Number of trainings of each network.
        first_seed: The first of as many consecutive seeds.
        dataset: Name or folder of a data set.
        image_size: Side of the images, in pixels.
        epochs: Passes over the train part.
        batch_size: Images per batch.
        learning_rate: Peak learning rate of AdamW.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        data_dir: Folder of data sets.

    External resources of the run, or of a retraining that was begun before, have to be given again: `data_dir`, and a
    `dataset` that is a folder.
    """

    trials: tuple[int, ...] = ()
    sample: int = 0
    size: Size | None = None
    name: str | None = None
    seeds: int | None = None
    first_seed: int | None = None
    dataset: str | None = None
    image_size: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    device: str | None = None
    data_dir: Path | None = None


@dataclass(frozen=True)
class RetrainingSummary:
    """Summary of a retraining, or of one session of it.

    Attributes:
        folder: Folder of the retraining.
        name: Name of the retraining.
        interrupted: Whether Ctrl-C ended it.
        failures: Error messages by the number of the failed network's trial; the others were trained.
    """

    folder: RetrainingFolder
    name: str
    interrupted: bool
    failures: Mapping[int, str]


def retrain_run(
    path: Path,
    proposed: Sequence[int],
    request: RetrainingRequest,
    *,
    observer: RetrainingObserver | None = None,
    command: str = "",
) -> RetrainingSummary:
    """Train networks of a run in full, and keep everything in `RUN/retrain/<name>`.

    A retraining that was begun before is resumed: new trials are added to it, finished trainings stay. Each network's
    test part is read once, when all its seeds are trained.

    Args:
        path: The run's folder.
        proposed: Trials to train if the request names none.
        request: Settings of the retraining.
        observer: Observer of the progress.
        command: The command line, for the record.

    Raises:
        UserError: If there is nothing that can be trained as asked, and then nothing was written; or if another
            process is training there, or the folder cannot be written.
    """
    folder = RunFolder(path)
    info, records = read_info(folder), read_trials(folder)
    name = request.name or request.size or "target"
    if not re.fullmatch(NAME, name):
        raise UserError(f"--name {name!r}: a retraining's name is of letters, digits, _, . and -")
    place = folder.retraining(name)
    known = {record.number: record for record in records if record.outcome is Outcome.TRAINED and record.full_size}
    observer = observer or RetrainingObserver()
    plan = _plan(folder, place, info, known, proposed, request, command, observer.decoding)
    failures: dict[int, str] = {}
    try:
        make_directory(place.path)
    except OSError as error:
        raise UserError(unwritable(place.path, error)) from error
    go_on = f"sasa-nas retrain {path} --name {name}"
    with sole_writer(place.path, place.lock, go_on):
        write_text(place.info, plan.model_dump_json(indent=2) + "\n")
        for index, design in enumerate(plan.designs, 1):
            try:
                follower = observer.network_started(design.trial, index, len(plan.designs))
                done = _train(place, plan, known[design.trial], follower)
            except KeyboardInterrupt:
                done = False
            except Unwritable as error:  # no network's fault, and the next one's folder lies there, too
                raise UserError(f"{error.reason}; once it can, go on with `{go_on}`") from error
            except RunError as error:
                failures[design.trial] = f"{error}; remove {place.network(design.trial).path} to train it anew"
                continue
            except UserError as error:
                failures[design.trial] = str(error)
                continue
            if not done:
                return RetrainingSummary(place, name, interrupted=True, failures=failures)
    return RetrainingSummary(place, name, interrupted=False, failures=failures)


def _plan(
    folder: RunFolder,
    place: RetrainingFolder,
    info: RunInfo,
    known: Mapping[int, TrialRecord],
    proposed: Sequence[int],
    request: RetrainingRequest,
    command: str,
    progress: Progress,
) -> RetrainingInfo:
    """Return the plan of a retraining; nothing is written."""
    space: SearchSpace = validate_space(info.space, f"{folder.info}: space")
    earlier = read_retraining(place) if place.info.exists() else None
    if earlier is None:
        settings = _settings(space, info, request, folder.path)
        wanted = list(request.trials or proposed)
        if not wanted:
            raise UserError(f"no network of {folder.path} is trained to the end yet; let its search go on")
    else:
        settings = _unchanged(earlier, request, place)
        wanted = [*(design.trial for design in earlier.designs), *request.trials]
    wanted = _sampled(wanted, known, request.sample, info.settings.seed)
    lost = [number for number in wanted if number not in known]
    if lost:
        raise UserError(
            f"trial {lost[0]} of {folder.path} is not trained to the end, or there is none; "
            "`sasa-nas pareto` lists what there is"
        )
    device = pick_device(settings.device)
    data = load(
        settings.dataset,
        data_dir=settings.data_dir,
        image_size=settings.image_size,
        train_images=settings.train_images,
        progress=progress,
    ).info
    designs = [_design(known[number], settings, data) for number in dict.fromkeys(wanted)]
    return RetrainingInfo(
        size=(request.size or "target") if earlier is None else earlier.size,
        # a folder's name is made absolute, so that a session begun elsewhere reads the same one
        settings=settings.model_copy(update={"dataset": data.name}),
        designs=tuple(sorted(designs, key=lambda design: (design.flops, design.trial))),
        created=datetime.now(UTC) if earlier is None else earlier.created,
        command=command if earlier is None else earlier.command,
        versions=versions(),
        git=git_state(),
        device=describe_device(device),
    )


def _settings(space: SearchSpace, info: RunInfo, request: RetrainingRequest, run: Path) -> TrainingSettings:
    """Return the settings of every training: the space's target or proxy, with the request's changes."""
    proxy: Proxy = space.proxy
    dataset, image_size, recipe = space.target.training(proxy)
    if request.size == "proxy":
        dataset, image_size, recipe = proxy.dataset, proxy.image_size, proxy.recipe
    _confirm(ExternalResources(data_dir=info.settings.data_dir, dataset=folder_or_none(dataset)), request, run)
    wished = None if request.dataset is None else settled_name(request.dataset, request.data_dir)
    if wished is not None and wished != dataset:
        # a size was meant for the data set that it stands beside
        dataset, image_size = wished, None
    changes = {"epochs": request.epochs, "batch_size": request.batch_size, "learning_rate": request.learning_rate}
    first = request.first_seed or 0
    data: dict[str, Any] = {
        "dataset": dataset,
        "image_size": request.image_size or image_size,
        "seeds": tuple(range(first, first + (request.seeds or SEEDS))),
        "device": request.device or "auto",
        "data_dir": _absolute(request.data_dir),
        "recipe": recipe.model_dump() | {name: wish for name, wish in changes.items() if wish is not None},
    }
    if request.size == "proxy":
        data |= {"width_multiplier": proxy.width_multiplier, "depth_multiplier": proxy.depth_multiplier}
        # meant for the data set that it stands beside, too
        data["train_images"] = proxy.train_images if dataset == proxy.dataset else None
    return validate_settings(TrainingSettings, data, "the command line")


def _confirm(recorded: ExternalResources, request: RetrainingRequest, folder: Path) -> None:
    confirmed(recorded, ExternalResources(data_dir=request.data_dir, dataset=request.dataset), folder)


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser().resolve()


def _unchanged(earlier: RetrainingInfo, request: RetrainingRequest, place: RetrainingFolder) -> TrainingSettings:
    """Return the settings of a retraining to resume; only the device and folders may have changed."""
    settings, recipe = earlier.settings, earlier.settings.recipe
    _confirm(ExternalResources.of_training(settings), request, place.path)
    dataset = None if request.dataset is None else settled_name(request.dataset, request.data_dir)
    pairs: list[tuple[str, object, object]] = [
        ("size", request.size, earlier.size),
        ("seeds", request.seeds, len(settings.seeds)),
        ("first-seed", request.first_seed, settings.seeds[0]),
        ("dataset", dataset, settings.dataset),
        ("image-size", request.image_size, settings.image_size),
        ("epochs", request.epochs, recipe.epochs),
        ("batch-size", request.batch_size, recipe.batch_size),
        ("learning-rate", request.learning_rate, recipe.learning_rate),
    ]
    for option, wish, was in pairs:
        if wish is not None and wish != was:
            raise UserError(
                f"{place.path} was begun with {option} {was}; leave out --{option} to go on, or give another --name"
            )
    return settings.model_copy(
        update={"device": request.device or settings.device, "data_dir": _absolute(request.data_dir)}
    )


def _sampled(wanted: list[int], known: Mapping[int, TrialRecord], count: int, seed: int) -> list[int]:
    """Return `wanted` and up to `count` other networks, drawn at random, each design once."""
    if not count:
        return wanted
    taken = {known[number].architecture_id for number in wanted if number in known}
    others: dict[str | None, int] = {}
    for number, record in known.items():
        if record.architecture_id not in taken:
            others.setdefault(record.architecture_id, number)
    numbers = list(others.values())
    return wanted + random.Random(seed).sample(numbers, min(count, len(numbers)))


def _design(record: TrialRecord, settings: TrainingSettings, data: DatasetInfo) -> RetrainedDesign:
    """Return the costs of a network as it will be trained.

    Raises:
        UserError: If the design does not fit the data set or its size.
    """
    assert record.full_size is not None
    counts = count_network(fitted_network(record.full_size, settings, data, f"trial {record.number}")).total
    return RetrainedDesign(trial=record.number, flops=counts.flops(), params=counts.params)


def _train(place: RetrainingFolder, plan: RetrainingInfo, record: TrialRecord, observer: TrainingObserver) -> bool:
    """Train one network to the end, resuming it if possible; return whether it is done."""
    folder = place.network(record.number)
    if folder.info.exists():
        external = ExternalResources.of_training(plan.settings)  # which this command has named
        return resume_network(folder.path, external=external, observer=observer).result is not None
    # what a session that was killed while it made the folder left
    shutil.rmtree(folder.path, ignore_errors=True)
    assert record.full_size is not None
    summary = train_network(
        record.full_size,
        plan.settings,
        name=f"trial {record.number}",
        out=folder.path,
        observer=observer,
        command=plan.command,
    )
    return summary.result is not None
