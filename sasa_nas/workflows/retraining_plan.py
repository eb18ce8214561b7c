"""Plan of a retraining: which networks of a run are trained in full, and with which settings."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sasa_nas.cost import count_network
from sasa_nas.data.decoded import Progress
from sasa_nas.data.folders import settled_name
from sasa_nas.data.splits import DatasetInfo
from sasa_nas.errors import UserError
from sasa_nas.nodes import Node
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import ExternalResources, RunFolder, RunInfo, TrialRecord
from sasa_nas.run.external import confirmed, folder_or_none
from sasa_nas.run.folder import RetrainingFolder
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.run.retraining_records import RetrainedDesign, RetrainingInfo, Size, read_retraining
from sasa_nas.run.training_records import TrainingSettings, validate_settings
from sasa_nas.space import Proxy, Recipe, SearchSpace
from sasa_nas.space.files import validate_space
from sasa_nas.training.device import describe_device, pick_device
from sasa_nas.workflows.training_jobs import fitted_network, trained_data

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
        recipe: Full recipe of every training; default: the space's target's.
        epochs: Passes over the train part.
        batch_size: Images per batch.
        learning_rate: Peak learning rate.
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
    recipe: FullRecipe | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    device: str | None = None
    data_dir: Path | None = None


def plan_retraining(
    folder: RunFolder,
    place: RetrainingFolder,
    info: RunInfo,
    known: Mapping[int, TrialRecord],
    proposed: Sequence[int],
    request: RetrainingRequest,
    command: str,
    progress: Progress,
) -> RetrainingInfo:
    """Return the plan of a retraining, new or begun before; nothing is written.

    Args:
        folder: Folder of the run.
        place: Folder of the retraining, which need not exist.
        info: Record of the run.
        known: Records of the trials that can be trained in full, by number.
        proposed: Trials to train if the request names none.
        request: Settings of the retraining.
        command: The command line, for the record.
        progress: Function that is called while images are decoded.

    Raises:
        UserError: If there is nothing that can be trained as asked.
    """
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
    wanted = sampled(wanted, known, request.sample, info.settings.seed)
    lost = [number for number in wanted if number not in known]
    if lost:
        raise UserError(
            f"trial {lost[0]} of {folder.path} is not trained to the end, has other widths than the space, or there is "
            "none; `sasa-nas pareto` lists what there is"
        )
    device = pick_device(settings.device)
    data = trained_data(settings, progress)
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
    first = request.first_seed or 0
    data: dict[str, Any] = {
        "dataset": dataset,
        "image_size": request.image_size or image_size,
        "seeds": tuple(range(first, first + (request.seeds or SEEDS))),
        "device": request.device or "auto",
        "data_dir": _absolute(request.data_dir),
        "recipe": _changed(request.recipe or recipe, request),
    }
    if request.size == "proxy":
        data |= {"width_multiplier": proxy.width_multiplier, "depth_multiplier": proxy.depth_multiplier}
        # meant for the data set that it stands beside, too
        data["train_images"] = proxy.train_images if dataset == proxy.dataset else None
    return validate_settings(TrainingSettings, data, "the command line")


def _changed(recipe: Recipe | FullRecipe, request: RetrainingRequest) -> dict[str, Any]:
    """Return a recipe's fields with the request's changes."""
    fields: dict[str, Any] = recipe.model_dump()
    peaked: dict[str, Any] = fields["optimizer"] if isinstance(recipe, FullRecipe) else fields
    for place, name, wish in (
        (fields, "epochs", request.epochs),
        (fields, "batch_size", request.batch_size),
        (peaked, "learning_rate", request.learning_rate),
    ):
        if wish is not None:
            place[name] = wish
    return fields


def _confirm(recorded: ExternalResources, request: RetrainingRequest, folder: Path) -> None:
    confirmed(recorded, ExternalResources(data_dir=request.data_dir, dataset=request.dataset), folder)


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser().resolve()


def _unchanged(earlier: RetrainingInfo, request: RetrainingRequest, place: RetrainingFolder) -> TrainingSettings:
    """Return the settings of a retraining to resume; only the device and folders may have changed."""
    settings, recipe = earlier.settings, earlier.settings.recipe
    peak = recipe.optimizer.learning_rate if isinstance(recipe, FullRecipe) else recipe.learning_rate
    _confirm(ExternalResources.of_training(settings), request, place.path)
    dataset = None if request.dataset is None else settled_name(request.dataset, request.data_dir)
    pairs: list[tuple[str, object, object]] = [
        ("size", request.size, earlier.size),
        ("seeds", request.seeds, len(settings.seeds)),
        ("first-seed", request.first_seed, settings.seeds[0]),
        ("dataset", dataset, settings.dataset),
        ("image-size", request.image_size, settings.image_size),
        ("recipe", request.recipe, recipe),
        ("epochs", request.epochs, recipe.epochs),
        ("batch-size", request.batch_size, recipe.batch_size),
        ("learning-rate", request.learning_rate, peak),
    ]
    for option, wish, was in pairs:
        if wish is not None and wish != was:
            raise UserError(
                f"{place.path} was begun with {_shown(option, was)}; leave out --{option} to go on, or give another "
                "--name"
            )
    return settings.model_copy(
        update={"device": request.device or settings.device, "data_dir": _absolute(request.data_dir)}
    )


def _shown(option: str, value: object) -> str:
    return f"another {option}" if isinstance(value, Node) else f"{option} {value}"


def sampled(wanted: list[int], known: Mapping[int, TrialRecord], count: int, seed: int) -> list[int]:
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
