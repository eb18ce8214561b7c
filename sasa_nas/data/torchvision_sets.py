"""The classic sets that torchvision publishes: CIFAR, SVHN, MNIST and its successors.

Files on disk come first, then a download. The official test part is the test part; the validation part is a
stratified tenth of the official train part.
"""

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from sasa_nas.data.cifar import read_cifar, require_cifar
from sasa_nas.data.download import default_data_dir
from sasa_nas.data.mnist import read_mnist, require_mnist
from sasa_nas.data.preprocess import require_memory, resize, standardisation_of
from sasa_nas.data.raw import RawImages
from sasa_nas.data.splits import DatasetInfo, ImageSet, Splits, Standardisation, stratified_split
from sasa_nas.data.svhn import read_svhn, require_svhn
from sasa_nas.errors import UserError

VALIDATION_SHARE = 0.1


def _classic(
    name: str, *, channels: int, size: int, shift: int, num_classes: int = 10, flip: bool = False
) -> DatasetInfo:
    return DatasetInfo(
        name=name,
        channels=channels,
        height=size,
        width=size,
        num_classes=num_classes,
        flip=flip,
        shift=shift,
    )


TORCHVISION_SETS = {
    info.name: info
    for info in (
        _classic("cifar10", channels=3, size=32, shift=4, flip=True),
        _classic("cifar100", channels=3, size=32, shift=4, flip=True, num_classes=100),
        _classic("mnist", channels=1, size=28, shift=2),
        _classic("fashion_mnist", channels=1, size=28, shift=2, flip=True),
        _classic("kmnist", channels=1, size=28, shift=2),
        # A smaller shift than CIFAR's: neighbouring digits stand at the sides.
        _classic("svhn", channels=3, size=32, shift=2),
    )
}


def load_torchvision(info: DatasetInfo, *, data_dir: Path | None) -> Splits:
    """Reads the official train part and divides it; the official test part is read by `load_test` alone.

    Its files are made sure of beforehand, though, so that a long training does not end at a missing file.

    Args:
        info: One of `TORCHVISION_SETS`, or the same with another height and width.
        data_dir: Where files are looked for and downloads are put; None for `default_data_dir()`.

    Returns:
        uint8 image sets, standardised batch by batch.

    Raises:
        UserError: If files are missing and cannot be downloaded, or are damaged.
    """
    folder = default_data_dir() if data_dir is None else data_dir.expanduser()
    if info.name == "svhn":
        require_svhn(folder)
    elif info.name.startswith("cifar"):
        require_cifar(info.name, folder)
    else:
        require_mnist(info.name, folder)
    raw = _read(info, folder, train=True)
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
        load_test=partial(_load_test, info, folder, scale),
        standardisation=scale,
    )


def _load_test(info: DatasetInfo, folder: Path, scale: Standardisation) -> ImageSet:
    raw = _read(info, folder, train=False)
    images = _resized(raw, info)
    return ImageSet(images, torch.from_numpy(raw.labels), scale)


def _resized(raw: RawImages, info: DatasetInfo) -> Tensor:
    require_memory(len(raw.images), info)
    return resize(torch.from_numpy(raw.images), height=info.height, width=info.width)


def _read(info: DatasetInfo, folder: Path, *, train: bool) -> RawImages:
    if info.name == "svhn":
        raw = read_svhn(folder, train=train)
    elif info.name.startswith("cifar"):
        raw = read_cifar(info.name, folder, train=train)
    else:
        raw = read_mnist(info.name, folder, train=train)
    if len(raw.labels) == 0 or not 0 <= raw.labels.min() <= raw.labels.max() < info.num_classes:
        raise UserError(
            f"dataset '{info.name}' in '{folder}' does not have labels from 0 to {info.num_classes - 1}; "
            "these are another data set's files"
        )
    return raw
