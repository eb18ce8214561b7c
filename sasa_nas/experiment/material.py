"""What an experiment works on: a data set that is still the one trained on, and a network with its weights."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from sasa_nas.data.decoded import Progress
from sasa_nas.data.registry import dataset_info, load
from sasa_nas.data.splits import Splits
from sasa_nas.errors import UserError
from sasa_nas.export.weights import built, load_weights
from sasa_nas.models import Network
from sasa_nas.run.trained import Trained, TrainingData
from sasa_nas.space import Architecture

_TOLERANCE = 1e-4
"""Relative; sums of the same pixels differ by less from one machine to another."""


def load_for(
    architecture: Architecture,
    dataset: str,
    data_dir: Path | None,
    *,
    train_images: int | None = None,
    progress: Progress | None = None,
) -> Splits:
    """A data set at the size of a network's images.

    Args:
        architecture: The network.
        dataset: As `sasa_nas.data.registry.load` takes it.
        data_dir: Likewise.
        train_images: Likewise.
        progress: Likewise.

    Raises:
        UserError: If there is no such data set, or its channels or classes are not the network's.
    """
    image = architecture.image
    if image.height != image.width:
        raise UserError(
            f"the network is made for images of {image.height}x{image.width} pixels, and those of data sets are "
            "square; give a network for square images"
        )
    info = dataset_info(dataset, data_dir, image.height)
    for what, given, wanted in (
        ("channels", info.channels, image.channels),
        ("classes", info.num_classes, architecture.num_classes),
    ):
        if given != wanted:
            raise UserError(
                f"dataset '{info.name}' has {given} {what} and the network {wanted}; "
                "give the --dataset that it was trained on"
            )
    return load(dataset, data_dir=data_dir, image_size=image.height, train_images=train_images, progress=progress)


def load_data(target: Path, trained: Trained, dataset: str | None, data_dir: Path | None) -> Splits:
    """The data set for a trained network: the one that is asked for, the network's own where none is.

    Args:
        target: The network's folder, for the error.
        trained: The network.
        dataset: As `load_for` takes it; None for what the network was trained on.
        data_dir: Where data sets lie; None for where the network's own lay, or the default place.

    Raises:
        UserError: As `load_for` and `require_unchanged`; and if nothing tells what the network was trained on.
    """
    data = trained.data
    name = dataset or (data.dataset if data else None)
    if name is None:
        raise UserError(f"nothing in {target} says what the network was trained on; give --dataset")
    splits = load_for(trained.architecture, name, data_dir or (data.data_dir if data else None))
    if data and splits.info.name == data.dataset:
        require_unchanged(splits, data)
    return splits


def require_unchanged(splits: Splits, data: TrainingData) -> None:
    """Raises where a data set's train part is not what a network was trained on.

    The parts follow from the content: of other images, those that the network has learnt may now be in the
    validation or the test part.

    Raises:
        UserError: If the pixels have another mean or deviation than those that the network's record holds.
    """
    now = [number for numbers in splits.standardisation.per_channel() for number in numbers]
    before = [*data.mean, *data.std]
    if not before or (
        len(now) == len(before)
        and all(math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) for a, b in zip(now, before, strict=True))
    ):
        return
    raise UserError(
        f"dataset '{data.dataset}' is no longer what the network was trained on (its pixels have another mean or "
        "deviation); put its files back"
    )


def load_network(architecture: Architecture, weights: Path, device: torch.device) -> Network:
    """The network with the weights of a safetensors file, in evaluation mode.

    Raises:
        UserError: If the file cannot be read, or its weights are another network's.
    """
    return built(architecture, load_weights(weights)).to(device)


@contextmanager
def within_memory(batch_size: int) -> Iterator[None]:
    """Turns a GPU's running out of memory into a `UserError`."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UserError(f"batches of {batch_size} exceed the GPU's memory; use a smaller --batch-size") from error
