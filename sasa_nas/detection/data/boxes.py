"""Images with boxes around their objects, for detectors, independent of the format on disk."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sasa_nas.data.image_file import read_whole_image
from sasa_nas.errors import UserError


@dataclass(frozen=True, eq=False)
class BoxedImage:
    """One image, in its file, and the objects in it.

    Attributes:
        id: The data set's number for it.
        path: Path of the image's file.
        height: Height in pixels.
        width: Width in pixels.
        boxes: (N, 4), float32: left, top, right and bottom in pixels, inside the image and not empty. N may be 0.
        labels: (N,), int64: index of each object's category.
    """

    id: int
    path: Path
    height: int
    width: int
    boxes: Tensor
    labels: Tensor

    def read(self) -> Tensor:
        """Return the pixels, (3, height, width), uint8.

        Raises:
            UserError: If the file cannot be read, or its image has another size.
        """
        pixels = read_whole_image(self.path)
        if pixels.shape[1:] != (self.height, self.width):
            raise UserError(
                f"the image '{self.path}' is {pixels.shape[1]}x{pixels.shape[2]} pixels and its annotations are for "
                f"{self.height}x{self.width}; put the right file there"
            )
        return pixels


@dataclass(frozen=True, eq=False)
class BoxedSet:
    """One part of a data set.

    Attributes:
        images: The images with their objects; at least one.
        truth: Annotations in COCO's format, crowds included, against which average precision is measured.
    """

    images: Sequence[BoxedImage]
    truth: dict[str, Any]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Category:
    """A class of objects: its number in the data set's files, and its name. Labels count categories from 0."""

    id: int
    name: str


@dataclass(frozen=True, eq=False)
class BoxedSplits:
    """The parts of a data set of boxes.

    Attributes:
        name: Name of the data set for `load_coco`, with an absolute path.
        categories: Categories in the order of labels.
        train: Part that weights are fitted to.
        validation: Part that average precision is measured on, with one box at least.
    """

    name: str
    categories: tuple[Category, ...]
    train: BoxedSet
    validation: BoxedSet

    def fingerprint(self) -> str:
        """Return twelve hexadecimal digits of a hash of all annotations, the same on every machine."""
        text = json.dumps([self.train.truth, self.validation.truth], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def flip_boxes(boxes: Tensor, width: int) -> Tensor:
    """Flip boxes (N, 4) horizontally in an image of this width."""
    left, top, right, bottom = boxes.unbind(1)
    return torch.stack((width - right, top, width - left, bottom), dim=1)
