"""The classic sets that torchvision publishes: CIFAR, SVHN, MNIST and its successors.

Files on disk come first, then a download. The official test part is the test part; the validation part is a
stratified tenth of the official train part.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from sasa_nas.data.cifar import read_cifar, require_cifar
from sasa_nas.data.class_names import (
    CIFAR10_CLASSES,
    CIFAR100_CLASSES,
    DIGITS_CLASSES,
    FASHION_MNIST_CLASSES,
    KMNIST_CLASSES,
)
from sasa_nas.data.download import default_data_dir
from sasa_nas.data.known import register_dataset
from sasa_nas.data.mnist import read_mnist, require_mnist
from sasa_nas.data.preprocess import require_memory, resize, standardisation_of
from sasa_nas.data.raw import RawImages
from sasa_nas.data.splits import DatasetInfo, ImageSet, Splits, Standardisation, stratified_split
from sasa_nas.data.svhn import read_svhn, require_svhn
from sasa_nas.errors import UserError

VALIDATION_SHARE = 0.1


Require = Callable[[Path], None]
"""A function that downloads missing files to a folder."""
Read = Callable[..., RawImages]
"""A function that reads one official part from a folder: the train part with `train=True`, else the test part."""


def load_official(info: DatasetInfo, data_dir: Path | None, *, require: Require, read: Read) -> Splits:
    """Read and divide the official train part; the official test part is read by `load_test` alone.

    All files are downloaded beforehand, so that a long training does not end at a missing file.

    Args:
        info: Facts about the data set, perhaps with another height and width.
        data_dir: Folder of files and downloads; None for `default_data_dir()`.
        require: Function that downloads missing files.
        read: Function that reads one part.

    Returns:
        uint8 image sets, standardised batch by batch.

    Raises:
        UserError: If files are missing and cannot be downloaded, or are damaged.
    """
    folder = default_data_dir() if data_dir is None else data_dir.expanduser()
    require(folder)
    raw = _read(info, folder, read, train=True)
    try:
        train, validation = stratified_split(raw.labels, held_out=VALIDATION_SHARE)
    except ValueError as error:
        raise UserError(f"dataset '{info.name}' in '{folder}' is too small to divide ({error})") from error
    images = _resized(raw, info)
    labels = torch.from_numpy(raw.labels)
    train_images = images[train]
    scale = standardisation_of(train_images)
    return Splits(
        info=info,
        train=ImageSet(train_images, labels[train], scale),
        validation=ImageSet(images[validation], labels[validation], scale),
        load_test=partial(_load_test, info, folder, scale, read),
        standardisation=scale,
    )


def _load_test(info: DatasetInfo, folder: Path, scale: Standardisation, read: Read) -> ImageSet:
    raw = _read(info, folder, read, train=False)
    images = _resized(raw, info)
    return ImageSet(images, torch.from_numpy(raw.labels), scale)


def _resized(raw: RawImages, info: DatasetInfo) -> Tensor:
    require_memory(len(raw.images), info)
    return resize(torch.from_numpy(raw.images), height=info.height, width=info.width)


def _read(info: DatasetInfo, folder: Path, read: Read, *, train: bool) -> RawImages:
    raw = read(folder, train=train)
    if len(raw.labels) == 0 or not 0 <= raw.labels.min() <= raw.labels.max() < info.num_classes:
        raise UserError(
            f"dataset '{info.name}' in '{folder}' does not have labels from 0 to {info.num_classes - 1}; "
            "these are another data set's files"
        )
    return raw


def _register(
    name: str,
    require: Require,
    read: Read,
    *,
    channels: int,
    size: int,
    shift: int,
    num_classes: int = 10,
    flip: bool = False,
    class_names: tuple[str, ...] = (),
) -> None:
    info = DatasetInfo(
        name=name,
        channels=channels,
        height=size,
        width=size,
        num_classes=num_classes,
        flip=flip,
        shift=shift,
        class_names=class_names,
    )
    register_dataset(info, partial(load_official, require=require, read=read))


for _name, _classes, _names in (("cifar10", 10, CIFAR10_CLASSES), ("cifar100", 100, CIFAR100_CLASSES)):
    _require, _read_part = partial(require_cifar, _name), partial(read_cifar, _name)
    _register(
        _name, _require, _read_part, channels=3, size=32, shift=4, num_classes=_classes, flip=True, class_names=_names
    )
for _name, _flip, _names in (
    ("mnist", False, DIGITS_CLASSES),
    ("fashion_mnist", True, FASHION_MNIST_CLASSES),
    ("kmnist", False, KMNIST_CLASSES),
):
    _require, _read_part = partial(require_mnist, _name), partial(read_mnist, _name)
    _register(_name, _require, _read_part, channels=1, size=28, shift=2, flip=_flip, class_names=_names)
# A smaller shift than CIFAR's: neighbouring digits stand at the sides.
_register("svhn", require_svhn, read_svhn, channels=3, size=32, shift=2, class_names=DIGITS_CLASSES)
