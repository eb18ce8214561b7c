"""An image and a network, trained or with random weights, to compute attention maps of."""

from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from sasa_nas.data.image_file import read_image
from sasa_nas.data.preprocess import standardisation_of
from sasa_nas.data.registry import load, pixel_max
from sasa_nas.data.splits import Standardisation
from sasa_nas.errors import UserError
from sasa_nas.models import Network, build
from sasa_nas.run.trained import TrainingData, find_trained
from sasa_nas.space import Architecture, Image
from sasa_nas.space.scaling import fitted_to
from sasa_nas.space.validation_errors import space_error
from sasa_nas.training.seeding import seeded
from sasa_nas.workflows.loading import TestedData, load_data, load_network


@dataclass(frozen=True)
class ImageSource:
    """Source of an image: a file, or the validation part of a data set.

    Attributes:
        file: Image file, scaled and cropped to the network's images; if None, the data set is used.
        dataset: Name of the data set; if None, the one that the network was trained on.
        index: Index of the image in the validation part.
        data_dir: Folder of data sets; if None, the default one.

    Raises:
        UserError: If both a file and a data set are given.
    """

    file: Path | None = None
    dataset: str | None = None
    index: int = 0
    data_dir: Path | None = None

    def __post_init__(self) -> None:
        if self.file is not None and self.dataset is not None:
            raise UserError("--image and --dataset exclude each other; give one of them")


@dataclass(frozen=True, eq=False)
class Subject:
    """A network and an image of its size.

    Attributes:
        network: The network in evaluation mode, on the CPU.
        weights: The file of its weights, or that they are random.
        image: Source of the image.
        picture: The image to look at, `(channels, H, W)` in [0, 1].
        inputs: The image as the network takes it, `(1, channels, H, W)`.
    """

    network: Network
    weights: str
    image: str
    picture: Tensor
    inputs: Tensor


def trained_subject(target: Path, source: ImageSource) -> Subject:
    """Return a trained network and an image, standardised as it was trained.

    If there is no record of the standardisation (in an export's folder), a file's image is standardised by its own
    pixels.

    Args:
        target: The folder of a training (its first seed), of a search's trial or of an export.
        source: Source of the image.

    Raises:
        UserError: If there is no trained network, or no such image.
    """
    trained = find_trained(target)
    weights = trained.weights[0].path
    network = load_network(trained.architecture, weights, torch.device("cpu"))
    if source.file is not None:
        return _with_file(network, str(weights), source.file, trained.data)
    splits = load_data(target, trained, source.dataset, source.data_dir)
    return _with_example(network, str(weights), splits, source.index)


def untrained_subject(architecture: Architecture, name: str, source: ImageSource, *, seed: int) -> Subject:
    """Return a network with random weights, fitted to a data set's images; a file's image is fitted to the network.

    Args:
        architecture: The network.
        name: Name of the network.
        source: Source of the image.
        seed: Seed of the weights.

    Raises:
        UserError: If there is no such image, or the network cannot be fitted to it.
    """
    weights = f"random (seed {seed})"
    if source.file is not None:
        return _with_file(_untrained(architecture, seed), weights, source.file, None)
    if source.dataset is None:
        raise UserError(f"'{name}' has no data set of its own; give --image or --dataset")
    splits = load(source.dataset, data_dir=source.data_dir)
    info = splits.info
    image = Image(channels=info.channels, height=info.height, width=info.width)
    try:
        fitted = fitted_to(architecture, image, info.num_classes)
    except ValidationError as error:
        raise space_error(f"{name}, fitted to {info.name}", error) from error
    return _with_example(_untrained(fitted, seed), weights, splits, source.index)


def _untrained(architecture: Architecture, seed: int) -> Network:
    with seeded(seed):
        return build(architecture).eval()


def _with_file(network: Network, weights: str, file: Path, data: TrainingData | None) -> Subject:
    size = network.architecture.image
    picture = read_image(file, channels=size.channels, height=size.height, width=size.width) / 255
    if data is None or not data.mean:
        scale, raw, note = standardisation_of(picture[None]), picture, ", standardised by its own pixels"
    else:
        scale = Standardisation(*(torch.tensor(numbers).view(-1, 1, 1) for numbers in (data.mean, data.std)))
        raw, note = picture * pixel_max(data.dataset), ""
    return Subject(network, weights, f"{file}{note}", picture, scale.apply(raw[None]))


def _with_example(network: Network, weights: str, splits: TestedData, index: int) -> Subject:
    part = splits.validation
    if not 0 <= index < len(part):
        raise UserError(f"--index {index}: the validation images of '{splits.info.name}' are 0 to {len(part) - 1}")
    inputs = part.inputs(slice(index, index + 1))
    scale = splits.standardisation
    picture = ((inputs[0] * scale.std + scale.mean) / splits.info.pixel_max).clamp(0, 1)
    image = f"{splits.info.name}, validation image {index} (class {part.labels[index]})"
    return Subject(network, weights, image, picture, inputs)
