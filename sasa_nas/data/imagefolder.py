"""Images of one's own, a folder a class, decoded into memory.

    PATH/<class>/*.png                  divided here: 60 % train, 20 % validation, 20 % test
    PATH/train/<class>/*.png            with any of
    PATH/val/<class>/*.png              (or valid, validation)
    PATH/test/<class>/*.png

With a train folder, `test` is the test part and `val` the validation part. Where only one of the two is there,
it is the test part (ImageNet's convention), and a stratified tenth of `train` validates; where neither is,
`train` alone is divided like a plain folder.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sasa_nas.data.image_file import read_image
from sasa_nas.data.preprocess import require_memory, standardisation_of
from sasa_nas.data.splits import (
    DatasetInfo,
    ImageSet,
    Splits,
    Standardisation,
    stratified_split,
    three_way_split,
)
from sasa_nas.errors import UserError, one_line

DEFAULT_IMAGE_SIZE = 224

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp"})
_VALIDATION_NAMES = ("val", "valid", "validation")
_VALIDATION_SHARE = 0.1

Example = tuple[Path, int]
"""An image's file and its class."""


def imagefolder_info(path: Path, *, image_size: int | None = None) -> DatasetInfo:
    """Facts about a folder: its classes are counted, no image is opened.

    Args:
        path: Absolute.
        image_size: Side in pixels; 224 where it is None.

    Raises:
        UserError: If the folder is missing or has fewer than two classes.
    """
    size = DEFAULT_IMAGE_SIZE if image_size is None else image_size
    return DatasetInfo(
        name=f"imagefolder:{path}",
        channels=3,
        height=size,
        width=size,
        num_classes=len(_class_names(path)),
        flip=True,
        shift=max(1, size // 8),
    )


def load_imagefolder(info: DatasetInfo, path: Path) -> Splits:
    """Decodes the train and validation images; those of the test part are opened by `load_test` alone.

    Args:
        info: From `imagefolder_info`.
        path: The same folder.

    Returns:
        uint8 image sets in RGB, resized along the shorter side and cropped at the centre.

    Raises:
        UserError: If there are too few images, one cannot be read, or they would not fit into memory.
    """
    train, validation, test = _parts(path, _class_names(path))
    require_memory(len(train) + len(validation), info)
    train_images = _decode(train, info)
    scale = standardisation_of(train_images)
    return Splits(
        info=info,
        train=ImageSet(train_images, _labels(train), scale),
        validation=ImageSet(_decode(validation, info), _labels(validation), scale),
        load_test=partial(_load_test, info, test, scale),
        standardisation=scale,
    )


def _load_test(info: DatasetInfo, test: Sequence[Example], scale: Standardisation) -> ImageSet:
    require_memory(len(test), info)
    return ImageSet(_decode(test, info), _labels(test), scale)


def _subfolders(path: Path) -> list[str]:
    return sorted(child.name for child in path.iterdir() if child.is_dir() and child.name[0] != ".")


def _train_root(path: Path) -> Path:
    """`path`/train where that holds classes; otherwise `path`, whose class may well be called train."""
    inner = path / "train"
    return inner if inner.is_dir() and _subfolders(inner) else path


def _class_names(path: Path) -> list[str]:
    if not path.is_dir():
        raise UserError(f"there is no folder '{path}'; write imagefolder:PATH with a folder of class folders")
    names = _subfolders(_train_root(path))
    if len(names) < 2:
        raise UserError(
            f"'{_train_root(path)}' holds {len(names)} class folders; put each class's images into a folder "
            "of its own, two classes at least"
        )
    return names


def _examples(root: Path, classes: Sequence[str]) -> list[Example]:
    unknown = sorted(set(_subfolders(root)) - set(classes))
    if unknown:
        raise UserError(f"'{root}' holds the class '{unknown[0]}', which the train images do not have")
    return [
        (file, label)
        for label, name in enumerate(classes)
        for file in sorted((root / name).rglob("*"))
        if file.suffix.lower() in _SUFFIXES and file.is_file()
    ]


def _parts(path: Path, classes: Sequence[str]) -> tuple[list[Example], list[Example], list[Example]]:
    root = _train_root(path)
    train = _examples(root, classes)
    validation: list[Example] = []
    test: list[Example] = []
    if root != path:
        places = [path / name for name in _VALIDATION_NAMES if (path / name).is_dir()]
        validation = _examples(places[0], classes) if places else []
        test = _examples(path / "test", classes) if (path / "test").is_dir() else []
    if not test:
        validation, test = test, validation
    labels = np.asarray([label for _, label in train], dtype=np.int64)
    for label, name in enumerate(classes):
        # One for each part that `train` may have to be divided into.
        if (count := int((labels == label).sum())) < 3:
            raise UserError(f"class '{name}' in '{root}' has {count} images; give it 3 or more")
    try:
        if not test:
            fit, held, tested = three_way_split(labels)
            test = [train[i] for i in tested]
        elif not validation:
            fit, held = stratified_split(labels, held_out=_VALIDATION_SHARE)
        else:
            return train, validation, test
    except ValueError as error:
        raise UserError(f"'{root}' holds too few images to divide ({one_line(error)})") from error
    return [train[i] for i in fit], [train[i] for i in held], test


def _labels(examples: Sequence[Example]) -> Tensor:
    return torch.tensor([label for _, label in examples], dtype=torch.int64)


def _decode(examples: Sequence[Example], info: DatasetInfo) -> Tensor:
    images = torch.empty(len(examples), info.channels, info.height, info.width, dtype=torch.uint8)

    def place(position: int) -> None:
        path = examples[position][0]
        images[position] = read_image(path, channels=info.channels, height=info.height, width=info.width)

    # Threads, because decoding and resizing release the interpreter's lock.
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(place, range(len(examples))):
            pass
    return images
