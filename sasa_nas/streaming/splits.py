"""Data sets whose images are read while a network is trained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from sasa_nas.data.folder_parts import divide, search_examples, tested_examples
from sasa_nas.data.folders import FOLDER_PREFIX, folder_of
from sasa_nas.data.image_listing import Example, list_images
from sasa_nas.data.imagefolder import SMALLEST, listed_info
from sasa_nas.data.registry import load
from sasa_nas.data.splits import DatasetInfo, ImageSet, Splits, Standardisation
from sasa_nas.data.subset import require_subset
from sasa_nas.errors import UserError
from sasa_nas.streaming.sources import FileSource, ImageSource, MemorySource

IMAGENET = Standardisation(
    torch.tensor([123.675, 116.28, 103.53]).view(-1, 1, 1), torch.tensor([58.395, 57.12, 57.375]).view(-1, 1, 1)
)
"""Mean and standard deviation of ImageNet's pixels, in bytes, as all published recipes have them."""
_TOLERANCE = 1e-3
"""Largest distance of a pixel from a whole number."""


@dataclass(frozen=True, eq=False)
class StreamedSplits:
    """The three parts of a data set, as sources of images.

    Attributes:
        info: Facts about the data set; height and width are those of images in memory, and the usual side for files.
        train: The part to train on.
        validation: The part to compare by.
        load_test: Function that opens the test part.
        standardisation: Statistics in units of the sources' bytes: ImageNet's for folders, whose result must not wait
            for a pass over all files, and the train part's own for images in memory.
    """

    info: DatasetInfo
    train: ImageSource
    validation: ImageSource
    load_test: Callable[[], ImageSource]
    standardisation: Standardisation


def open_streamed(
    dataset: str,
    *,
    data_dir: Path | None = None,
    image_size: int | None = None,
    train_images: int | None = None,
    validation_labels: Path | None = None,
) -> StreamedSplits:
    """Open a data set for a full training; of a folder, no image is decoded.

    Args:
        dataset: Name of the data set, as for `sasa_nas.data.registry.load`.
        data_dir: Folder of files and downloads; None for `default_data_dir()`.
        image_size: Side in pixels. Images in memory are resized to it; of a folder it is the side that recipes take
            if they name none. Default: the data set's own.
        train_images: Size of a stratified subset to train on; None for all images.
        validation_labels: File of the classes of a validation folder without class folders; see `image_labels`.
            Default: found next to the folder.

    Raises:
        UserError: See `sasa_nas.data.registry.load`; if the images are not bytes; or if labels are given for a data set
            that is no folder.
    """
    if dataset.startswith(FOLDER_PREFIX):
        if image_size is not None and image_size < SMALLEST:
            raise UserError(f"image size {image_size} is too small; use {SMALLEST} pixels or more")
        return _open_folder(folder_of(dataset, data_dir), image_size, train_images, validation_labels)
    if validation_labels is not None:
        raise UserError(f"'{dataset}' has labels of its own; a file of them is for '{FOLDER_PREFIX}PATH' alone")
    splits = load(dataset, data_dir=data_dir, image_size=image_size, train_images=train_images)
    source = partial(_source, splits)
    return StreamedSplits(
        info=splits.info,
        train=source(splits.train),
        validation=source(splits.validation),
        load_test=lambda: source(splits.load_test()),
        standardisation=splits.standardisation,
    )


def _open_folder(path: Path, size: int | None, train_images: int | None, labels: Path | None) -> StreamedSplits:
    listing = list_images(path, labels)
    info = listed_info(listing, size)
    examples, (fitted, held, tested) = search_examples(listing), divide(listing)

    def source(chosen: Sequence[Example]) -> FileSource:
        return FileSource(chosen, side=info.height)

    train = source([examples[i] for i in fitted])
    if train_images is not None:
        require_subset(train_images, train.labels.numpy(), info.name)
        # in the order of `subset_order`: every prefix is stratified
        train = source([examples[i] for i in fitted[:train_images]])
    return StreamedSplits(
        info=info,
        train=train,
        validation=source([examples[i] for i in held]),
        load_test=lambda: source(tested_examples(listing, tested.tolist())),
        standardisation=IMAGENET,
    )


def _source(splits: Splits, data: ImageSet) -> MemorySource:
    """Return a part's images as bytes, by undoing the standardisation of those that are kept as floats.

    Raises:
        UserError: If their pixels are no whole numbers of bytes.
    """
    images, scale = data.images, splits.standardisation
    if data.standardisation is None:
        pixels = images * scale.std + scale.mean
        images = pixels.round()
        if not bool(((images - pixels).abs() <= _TOLERANCE).all() and images.min() >= 0 and images.max() <= 255):
            raise UserError(
                f"the pixels of '{splits.info.name}' are no bytes at this size, as full recipes need them; leave out "
                "the image size, and set the recipe's sizes.train"
            )
        images = images.to(torch.uint8)
    return MemorySource(images, data.labels, pixel_max=splits.info.pixel_max)
