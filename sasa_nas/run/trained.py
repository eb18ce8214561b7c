"""A trained network by its folder: a training's, a trial's or an export's."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from sasa_nas.errors import UserError
from sasa_nas.files import EXPORTED_WEIGHTS
from sasa_nas.recipes import FullRecipe, ImageSizes
from sasa_nas.run.folder import RunFolder, TrialFolder
from sasa_nas.run.plain import check_trial
from sasa_nas.run.reader import read_info
from sasa_nas.run.training_folder import TrainingFolder
from sasa_nas.run.training_records import TrainingInfo, read_training, untrained
from sasa_nas.space import Architecture, Proxy, load_architecture
from sasa_nas.space.validation_errors import space_error
from sasa_nas.tasks import CLASSIFICATION


@dataclass(frozen=True)
class TrainingData:
    """Data that a network was trained on.

    Attributes:
        dataset: The data set's name.
        data_dir: Folder of data sets; None for the default place.
        mean: Per channel, what was subtracted from a pixel; empty where it is not known.
        std: Per channel, what it was divided by.
        image_size: Side of the data set's images in pixels, if they were resized before the recipe's sizes.
        sizes: Sizes of the full recipe; None if it was another recipe.
    """

    dataset: str
    data_dir: Path | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    image_size: int | None = None
    sizes: ImageSizes | None = None


@dataclass(frozen=True)
class Weights:
    """A file of trained weights, and the seed where several were trained."""

    path: Path
    seed: int | None = None


@dataclass(frozen=True)
class Trained:
    """A network, its trained weights (one file at least), and the data where a record tells."""

    architecture: Architecture
    weights: tuple[Weights, ...]
    data: TrainingData | None


def find_trained(path: Path) -> Trained:
    """Return the trained network of a folder; no weights are read.

    Args:
        path: The folder of a training (whose finished seeds count), of a search's trial, or of an export.

    Raises:
        UserError: If it is none of these, or holds no trained weights yet.
    """
    training = TrainingFolder(path)
    if training.info.is_file():
        return _of_training(training)
    architecture = architecture_file(path)
    weights, exported = TrialFolder(path).weights, path / EXPORTED_WEIGHTS
    if exported.is_file():
        weights = exported
    if not weights.is_file():
        raise UserError(f"{path} holds no {weights.name}: its network is not trained to the end")
    return Trained(load_architecture(architecture), (Weights(weights),), _data_of_run(path))


def architecture_file(path: Path) -> Path:
    """Return the file that describes the network of the folder at `path`.

    Raises:
        UserError: If there is none.
    """
    check_trial(TrialFolder(path))
    file = TrialFolder(path).architecture
    if file.is_file():
        return file
    run = RunFolder(path)
    if run.info.is_file():
        raise UserError(f"{path} is a whole run; give the folder of one of its trials, such as {run.trial(0).path}")
    if not path.is_dir():
        raise UserError(f"there is no folder '{path}'; give the folder of a training, of a run's trial or of an export")
    raise UserError(f"{path} holds no {file.name}, so it is no folder of a training, of a run's trial or of an export")


def _of_training(folder: TrainingFolder) -> Trained:
    info = read_training(folder)
    weights = tuple(
        Weights(folder.seed(seed).weights, seed) for seed in info.settings.seeds if folder.seed(seed).weights.is_file()
    )
    if not weights:
        raise UserError(untrained(folder, CLASSIFICATION))
    return Trained(load_architecture(folder.architecture), weights, training_data(info))


def training_data(info: TrainingInfo) -> TrainingData:
    """Return the data of a training."""
    settings = info.settings
    sizes = settings.recipe.sizes if isinstance(settings.recipe, FullRecipe) else None
    return TrainingData(settings.dataset, settings.data_dir, info.mean, info.std, settings.image_size, sizes)


def _data_of_run(trial: Path) -> TrainingData | None:
    """Return the data of the run that a trial's folder belongs to; None outside a run."""
    # RUN/trials/0003
    run = RunFolder(trial.resolve().parent.parent)
    if not run.info.is_file():
        return None
    info = read_info(run)
    try:
        proxy = Proxy.model_validate(info.space.get("proxy"))
    except ValidationError as error:
        raise space_error(f"{run.info}: space.proxy", error) from error
    return TrainingData(proxy.dataset, info.settings.data_dir, info.mean, info.std)
