"""Loading of data sets, checked against those trained on, and of networks with their weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch

from sasa_nas.data.decoded import Progress
from sasa_nas.data.registry import dataset_info, load
from sasa_nas.data.splits import DatasetInfo, ImageSet, Splits, Standardisation, same_statistics
from sasa_nas.errors import UserError
from sasa_nas.exporting.weights import built, load_weights
from sasa_nas.models import Network
from sasa_nas.run.external import ExternalResources, confirmed, folder_or_none
from sasa_nas.run.trained import Trained, TrainingData
from sasa_nas.space import Architecture
from sasa_nas.streaming.in_memory import TestedSplits
from sasa_nas.streaming.splits import StreamedSplits, open_streamed


def load_for(
    architecture: Architecture,
    dataset: str,
    data_dir: Path | None,
    *,
    train_images: int | None = None,
    progress: Progress | None = None,
) -> Splits:
    """Return a data set at the size of a network's images.

    Args:
        architecture: The network.
        dataset: Name of a data set, or the path of a folder; see `sasa_nas.data.registry.load`.
        data_dir: Folder of data sets; if None, the default one.
        train_images: Size of the subset to train on; if None, all images.
        progress: Function that is called with the numbers of decoded and of all images.

    Raises:
        UserError: If there is no such data set, or its channels or classes are not the network's.
    """
    image = architecture.image
    if image.height != image.width:
        raise UserError(
            f"the network is made for images of {image.height}x{image.width} pixels, and those of data sets are "
            "square; give a network for square images"
        )
    require_fitting(architecture, dataset_info(dataset, data_dir, image.height))
    return load(dataset, data_dir=data_dir, image_size=image.height, train_images=train_images, progress=progress)


def require_fitting(architecture: Architecture, info: DatasetInfo) -> None:
    """Check that a data set has the channels and classes of a network.

    Raises:
        UserError: If it does not.
    """
    image = architecture.image
    for what, given, wanted in (
        ("channels", info.channels, image.channels),
        ("classes", info.num_classes, architecture.num_classes),
    ):
        if given != wanted:
            raise UserError(
                f"dataset '{info.name}' has {given} {what} and the network {wanted}; "
                "give the --dataset that it was trained on"
            )


class TestedData(Protocol):
    """Data to measure a network on."""

    @property
    def info(self) -> DatasetInfo:
        """Facts about the data set."""

    @property
    def validation(self) -> ImageSet:
        """The validation part."""

    @property
    def load_test(self) -> Callable[[], ImageSet]:
        """Function that reads the test part."""

    @property
    def standardisation(self) -> Standardisation:
        """Statistics by which pixels are standardised."""


def load_data(target: Path, trained: Trained, dataset: str | None, data_dir: Path | None) -> TestedData:
    """Return the data set for a trained network: the requested one, or by default the network's own.

    Args:
        target: The network's folder, for the error.
        trained: The network.
        dataset: Name or folder of a data set; if None, the one that the network was trained on, if not a folder.
        data_dir: Folder of data sets; if None, the default one.

    Raises:
        UserError: See `load_for` and `require_unchanged`; and if it is unknown what the network was trained on, or that
            is a folder which only the record names.
    """
    data = trained.data
    name = dataset or (data.dataset if data else None)
    if name is None:
        raise UserError(f"nothing in {target} says what the network was trained on; give --dataset")
    if data is not None and dataset is None:
        named = ExternalResources(data_dir=data_dir)
        confirmed(ExternalResources(data_dir=data.data_dir, dataset=folder_or_none(name)), named, target)
    splits = _load_as_trained(trained, name, data_dir)
    if data and splits.info.name == data.dataset:
        require_unchanged(splits, data)
    return splits


def _load_as_trained(trained: Trained, name: str, data_dir: Path | None) -> TestedData:
    """Return a data set as the network's recipe tests on it."""
    data, architecture = trained.data, trained.architecture
    if data is None or data.sizes is None:
        return load_for(architecture, name, data_dir)
    require_fitting(architecture, dataset_info(name, data_dir, architecture.image.height))
    splits = open_streamed(name, data_dir=data_dir, image_size=data.image_size)
    side = architecture.image.height
    return TestedSplits(splits, data.sizes, replace(splits.info, height=side, width=side))


def require_unchanged(splits: TestedData | StreamedSplits, data: TrainingData) -> None:
    """Check that a data set's train part is the one that a network was trained on.

    Raises:
        UserError: If the pixels have another mean or deviation than those that the network's record holds.
    """
    if not same_statistics(splits.standardisation.per_channel(), (data.mean, data.std)):
        raise UserError(
            f"dataset '{splits.info.name}' is no longer what the network was trained on (its pixels have another mean "
            "or deviation); put its files back"
        )


def load_network(architecture: Architecture, weights: Path, device: torch.device) -> Network:
    """Return the network with the weights of a safetensors file, in evaluation mode.

    Raises:
        UserError: If the file cannot be read, or its weights are another network's.
    """
    network = built(architecture, load_weights(weights))
    assert isinstance(network, Network)
    return network.to(device)


@contextmanager
def within_memory(batch_size: int) -> Iterator[None]:
    """Convert a GPU's out-of-memory error into a `UserError`."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UserError(f"batches of {batch_size} exceed the GPU's memory; use a smaller --batch-size") from error
