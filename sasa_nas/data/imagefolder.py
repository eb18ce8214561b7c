"""The user's own images, one folder per class, decoded once for all processes of a machine.

For the layout of folders see `image_listing`, for the parts `folder_parts`.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sasa_nas.data.decoded import CHANNELS, Decoded, Progress, decode, decoded_file, open_decoded
from sasa_nas.data.folder_parts import divide, search_examples, tested_examples
from sasa_nas.data.folders import FOLDER_PREFIX, name_of
from sasa_nas.data.image_file import image_size
from sasa_nas.data.image_listing import Example, Listing, list_images
from sasa_nas.data.preprocess import standardisation_of_bytes
from sasa_nas.data.splits import (
    DatasetInfo,
    ImageSet,
    Indices,
    Splits,
    Standardisation,
)
from sasa_nas.data.subset import require_subset
from sasa_nas.errors import UserError, printable

DEFAULT_IMAGE_SIZE = 224
SMALLEST = 4
"""Least side of images that networks can be trained on."""

_LOOKED_AT = 16
"""Number of images examined for a common size."""


def imagefolder_info(path: Path, *, image_size: int | None = None) -> DatasetInfo:
    """Return facts about a folder; its images are counted, and a few are opened for their size.

    Args:
        path: Absolute path of the folder.
        image_size: Side in pixels. If None, the side of the folder's own images if sixteen of them, taken at equal
            distances, are squares of one size; else 224.

    Raises:
        UserError: See `list_images`; if an image that is opened cannot be read; or if the folder's own side is below 4.
    """
    return listed_info(list_images(path), image_size)


def load_imagefolder(
    path: Path,
    *,
    image_size: int | None = None,
    train_images: int | None = None,
    progress: Progress | None = None,
) -> Splits:
    """Decode the train and validation images, or map decoded ones; `load_test` alone opens test images.

    Args:
        path: Absolute path of the folder.
        image_size: Side in pixels, as for `imagefolder_info`.
        train_images: Size of a stratified subset to train on; None for all images.
        progress: Callback for the decoding of images, if any.

    Returns:
        uint8 image sets in RGB, resized along the shorter side and cropped at the centre, in memory that all processes
        of the machine share.

    Raises:
        UserError: See `imagefolder_info` and `decode`; and if there are too few images, or fewer than `train_images`.
    """
    listing = list_images(path)
    info = listed_info(listing, image_size)
    found = _search_parts(listing, info.height, progress)
    fitted, held = (np.asarray(found.facts[name], dtype=np.int64) for name in ("fitted", "held"))
    scale = Standardisation(*(torch.tensor(found.facts[name]).view(-1, 1, 1) for name in ("mean", "std")))
    search = search_examples(listing)
    labels = torch.tensor([label for _, label in search], dtype=torch.int64)
    count = len(fitted)
    if train_images is not None:
        require_subset(train_images, labels[fitted].numpy(), info.name)
        count = train_images
    return Splits(
        info=info,
        # decoded in the order of `subset_order`: a subset is a slice, which copies nothing
        train=ImageSet(found.images[:count], labels[fitted[:count]], scale),
        validation=ImageSet(found.images[len(fitted) :], labels[held], scale),
        load_test=partial(_load_test, path, info.height, tested_examples(listing, found.facts["tested"]), scale),
        standardisation=scale,
    )


def _load_test(path: Path, side: int, test: Sequence[Example], scale: Standardisation) -> ImageSet:
    files = [file for file, _ in test]
    place = decoded_file(path, files, side, "test")
    found = open_decoded(place, side) or decode(place, files, side, lambda _: {})
    return ImageSet(found.images, torch.tensor([label for _, label in test], dtype=torch.int64), scale)


def listed_info(listing: Listing, size: int | None) -> DatasetInfo:
    """Return facts about a folder whose images are listed; see `imagefolder_info`.

    Raises:
        UserError: If an image that is opened cannot be read, or the folder's own side is below 4.
    """
    side = size or _own_side([file for file, _ in listing.train]) or DEFAULT_IMAGE_SIZE
    if side < SMALLEST:
        raise UserError(
            f"the images of '{printable(listing.path)}' are {side}x{side} pixels; give an image size of {SMALLEST} or "
            "more"
        )
    return DatasetInfo(
        name=name_of(FOLDER_PREFIX, listing.path),
        channels=CHANNELS,
        height=side,
        width=side,
        num_classes=len(listing.classes),
        flip=True,
        shift=max(1, side // 8),
        class_names=listing.classes,
    )


def _own_side(files: Sequence[str]) -> int | None:
    """Return the side of a folder's images; None if those examined differ, or are no squares."""
    places = np.linspace(0, len(files) - 1, num=min(len(files), _LOOKED_AT), dtype=np.int64)
    sizes = {image_size(Path(files[i])) for i in places}
    if len(sizes) != 1:
        return None
    width, height = sizes.pop()
    return width if width == height else None


def _search_parts(listing: Listing, side: int, progress: Progress | None) -> Decoded:
    """Return the decoded train and validation images, with facts on their parts."""
    search = [file for file, _ in search_examples(listing)]
    names = "train", len(listing.train), listing.validation is None, listing.test is None
    place = decoded_file(listing.path, search, side, *names)
    found = open_decoded(place, side)
    if found is not None:
        return found
    fitted, held, tested = divide(listing)
    describe = partial(_facts, fitted=fitted, held=held, tested=tested)
    return decode(place, [search[i] for i in (*fitted, *held)], side, describe, progress)


def _facts(images: Tensor, *, fitted: Indices, held: Indices, tested: Indices) -> dict[str, Any]:
    """Return the facts to keep: indices of the parts, and the statistics of the images to train on."""
    mean, std = standardisation_of_bytes(images[: len(fitted)]).per_channel()
    return {"fitted": fitted.tolist(), "held": held.tolist(), "tested": tested.tolist(), "mean": mean, "std": std}
