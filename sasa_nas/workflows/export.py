"""Networks to export, with their weights and the facts in their records."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from sasa_nas.data.registry import pixel_max
from sasa_nas.errors import UserError
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.folder import export_network
from sasa_nas.exporting.format import format_of
from sasa_nas.exporting.formats import parse_formats
from sasa_nas.exporting.weights import check_weights, load_weights
from sasa_nas.nodes import resolve
from sasa_nas.recipes import ImageSizes
from sasa_nas.run import RunFolder, RunInfo, TrainingFolder, TrialRecord, read_result, read_training
from sasa_nas.run.plain import check_trial
from sasa_nas.run.retraining_records import Size, list_retrainings, read_retraining
from sasa_nas.run.trained import Weights, find_trained
from sasa_nas.space import NetworkDescription
from sasa_nas.tasks import TASKS
from sasa_nas.training.seeding import seeded


@dataclass(frozen=True, eq=False)
class Exportable:
    """A network to export, with its weights and its model card.

    Attributes:
        architecture: The network.
        weights: State dict of the network.
        card: Model card of the network, still without the export's command.
    """

    architecture: NetworkDescription
    weights: Mapping[str, Tensor]
    card: ModelCard


@dataclass(frozen=True)
class WeightsChoice:
    """Choice of the weights, for a network without trained ones or with several.

    Attributes:
        file: A safetensors file.
        seed: Seed of the training, if several were trained; or of random weights, 0 by default.
    """

    file: Path | None = None
    seed: int | None = None


@dataclass(frozen=True)
class ExportRequest:
    """Settings of an export.

    Attributes:
        formats: Names in `sasa_nas.exporting.formats.FORMATS`, at least one.
        size: For a search trial: the network that was trained, or its full-size design.
        choice: Choice of the weights, if there are none or several.
        out: The folder to write; default: `exports/<name>`.
        command: Command line of the export, for the model card.
        weights_license: The license of the weights, for the model card.

    Raises:
        UserError: If there is no format, or one of no such name.
    """

    formats: Sequence[str] = ("module",)
    size: Size = "proxy"
    choice: WeightsChoice = WeightsChoice()
    out: Path | None = None
    command: str = ""
    weights_license: str | None = None

    def __post_init__(self) -> None:
        # a format that there is not is told before anything is read
        parse_formats(self.formats)


@dataclass(frozen=True)
class Exported:
    """An export that has been written.

    Attributes:
        folder: Folder of the export.
        card: Facts about the network.
        files: Names of the network's files, one per format.
        hints: Lines on its use, for each format that has any.
    """

    folder: Path
    card: ModelCard
    files: tuple[str, ...]
    hints: tuple[str, ...]


def export_name(target: str) -> str:
    """Return the name of a network's export: the last part of a name or path, as a Python identifier."""
    path = Path(target)
    last = path.stem if path.suffix.lower() in (".json", ".yaml", ".yml") else path.resolve().name
    name = re.sub(r"\W+", "_", last)[:80] or "network"
    return f"_{name}" if name[0].isdigit() else name


def of_trial(folder: RunFolder, info: RunInfo, record: TrialRecord, *, size: Size, choice: WeightsChoice) -> Exportable:
    """Return a trained trial of a search: the network that was trained, or its full-size design.

    Args:
        folder: Folder of the run.
        info: Record of the run.
        record: The trial, trained to the end.
        size: Whether to take the trained network or the full-size design.
        choice: Weights of a full-size design; default: those of its retraining, if there is one.

    Raises:
        UserError: If weights are missing or another network's, or `choice` does not apply.
    """
    name = f"{export_name(str(folder.path))}_{record.number:04d}"
    if size == "target" and (record.full_size is None or record.arm.outside):
        raise UserError(f"trial {record.number} keeps no full-size design; leave out --size target")
    if size == "target" and choice.file is None and (retrained := _retrained(folder, record, name, choice)) is not None:
        return retrained
    if size == "target" and record.full_size is not None and record.full_size != record.architecture:
        note = (
            f"It is the full-size design of trial {record.number} of the run {folder.path.resolve().name}, which "
            f"trained not this network but its proxy (architecture {record.architecture_id}"
            + (f", {record.accuracy:.2%} on the validation images of {info.dataset}" if record.accuracy else "")
            + ")."
        )
        return of_architecture(record.full_size, f"{name}_full_size", choice, note=note)
    if choice.file is not None or choice.seed is not None:
        raise UserError("a trial's network has its own weights; --weights and --seed belong to others (--size target)")
    assert record.architecture is not None
    check_trial(folder.trial(record.number))
    card = ModelCard(
        name=name,
        seed=info.settings.seed if record.seed is None else record.seed,
        dataset=info.dataset,
        accuracy=record.accuracy,
        epochs=record.epochs,
        mean=info.mean or None,
        std=info.std or None,
        pixel_max=pixel_max(info.dataset),
        class_names=info.class_names or None,
        training_command=info.command or None,
        versions=info.versions,
    )
    return Exportable(record.architecture, load_weights(folder.trial(record.number).weights), card)


def _retrained(folder: RunFolder, record: TrialRecord, name: str, choice: WeightsChoice) -> Exportable | None:
    """Return the full-size design of a trial as `sasa-nas retrain` trained it, by the seed best on the validation part.

    Before all seeds are trained, it is the first one. None without a trained seed.
    """
    where = _retraining(folder, record.number)
    if where is None:
        return None
    training = folder.retraining(where).network(record.number)
    result = read_result(training) if training.result.is_file() else None
    seeds = () if result is None else result.seeds
    scores = {seed.seed: seed.validation.accuracy for seed in seeds if seed.validation is not None}
    best = max(scores, key=scores.__getitem__, default=None)
    seed = best if choice.seed is None else choice.seed
    found = of_training(training, WeightsChoice(seed=seed))
    note = (
        f"It is the full-size design of trial {record.number} of the run {folder.path.resolve().name}, trained in its "
        f"retraining '{where}' with seed {found.card.seed}"
    )
    if best is not None and len(scores) > 1:
        told = ", ".join(f"{accuracy:.2%} with seed {seed}" for seed, accuracy in scores.items())
        note += f"{', the best' if found.card.seed == best else ''} of {len(scores)} on the validation part ({told})"
    return replace(found, card=replace(found.card, name=f"{name}_full_size", note=f"{note}."))


def _retraining(folder: RunFolder, trial: int) -> str | None:
    """Return the name of a full-size retraining with a trained seed of a trial: the default name, or the first."""
    for name in sorted(list_retrainings(folder), key=lambda name: (name != "target", name)):
        place = folder.retraining(name)
        training = place.network(trial)
        if read_retraining(place).size == "target" and training.info.is_file():
            seeds = read_training(training).settings.seeds
            if any(training.seed(seed).weights.is_file() for seed in seeds):
                return name
    return None


def of_training(folder: TrainingFolder, choice: WeightsChoice) -> Exportable:
    """Return one seed of a classifier's training, the first that is trained to the end if none is named.

    Args:
        folder: Folder of the training.
        choice: Choice of the seed.

    Raises:
        UserError: If no such seed is trained to the end, it is another task's training, or a file of weights is given.
    """
    info = read_training(folder)
    trained = find_trained(folder.path)
    weights = of_seed(trained.weights, choice, folder)
    assert trained.data is not None
    scores = read_result(folder).seeds if folder.result.is_file() else ()
    score = next((score for score in scores if score.seed == weights.seed), None)
    sizes = trained.data.sizes or ImageSizes()
    card = ModelCard(
        name=export_name(str(folder.path)),
        seed=weights.seed,
        dataset=trained.data.dataset,
        note="It was trained on the train and the validation images together." if info.settings.whole_train else None,
        accuracy=score.validation.accuracy if score and score.validation else None,
        test_accuracy=score.test.accuracy if score else None,
        epochs=info.settings.recipe.epochs,
        mean=trained.data.mean or None,
        std=trained.data.std or None,
        pixel_max=pixel_max(trained.data.dataset),
        test_size=sizes.test or sizes.train,
        crop=sizes.crop,
        interpolation=sizes.interpolation,
        class_names=info.class_names or None,
        training_command=info.command or None,
        versions=info.versions,
    )
    return Exportable(trained.architecture, load_weights(weights.path), card)


def of_architecture(
    architecture: NetworkDescription, name: str, choice: WeightsChoice, *, note: str | None = None
) -> Exportable:
    """Return a network without a recorded training, with random weights or those of a file.

    Args:
        architecture: The network.
        name: Name of the network.
        choice: The file, or the seed.
        note: One sentence on what it is.

    Raises:
        UserError: If the file is damaged or holds another network's weights, or a seed is given beside it.
    """
    if choice.file is not None:
        if choice.seed is not None:
            raise UserError("--weights and --seed exclude each other; give one of them")
        weights = load_weights(choice.file)
        check_weights(architecture, weights)
        return Exportable(architecture, weights, ModelCard(name, origin="given", note=note))
    seed = choice.seed or 0
    with seeded(seed):
        fresh: Mapping[str, Tensor] = resolve(TASKS[architecture.task].build)(architecture).state_dict()
    return Exportable(architecture, fresh, ModelCard(name, origin="untrained", seed=seed, note=note))


def write_export(found: Exportable, request: ExportRequest) -> Exported:
    """Write an export.

    Raises:
        UserError: If a format is unknown or its packages are missing, or the folder cannot be written.
    """
    formats = parse_formats(request.formats)
    card = replace(found.card, export_command=request.command or None, weights_license=request.weights_license or None)
    folder = request.out or Path("exports") / card.name
    written = export_network(found.architecture, found.weights, folder, card, formats)
    kinds = [format_of(name) for name in formats]
    hints = tuple(one.hint.format(folder=str(written)) for one in kinds if one.hint)
    return Exported(written, card, tuple(one.file for one in kinds), hints)


def of_seed(weights: Sequence[Weights], choice: WeightsChoice, folder: TrainingFolder) -> Weights:
    """Return the weights of the chosen seed of a training, the first if none is named.

    Args:
        weights: Weights of the seeds that are trained to the end.
        choice: Choice of the seed.
        folder: Folder of the training, for errors.

    Raises:
        UserError: If that seed is not trained to the end, or a file of weights is given.
    """
    if choice.file is not None:
        raise UserError("a training has its own weights; leave out --weights")
    for one in weights:
        if choice.seed in (None, one.seed):
            return one
    trained = ", ".join(str(one.seed) for one in weights)
    raise UserError(f"{folder.path} has no seed {choice.seed} that is trained to the end; it has {trained}")
