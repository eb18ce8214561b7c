"""The files of MNIST, Fashion-MNIST and KMNIST: four idx files each, the same names in all three."""

from pathlib import Path

import numpy as np

from sasa_nas.data.download import DownloadError, fetch
from sasa_nas.data.idx import find_idx, read_idx
from sasa_nas.data.raw import RawImages
from sasa_nas.errors import UserError

_CLASSES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}

_DEBIAN_FOLDERS = {"fashion_mnist": (Path("/usr/share/datasets/fashion-mnist"),)}
"""Folders of Debian's package dataset-fashion-mnist."""

_PARTS = {True: "train", False: "t10k"}


def mnist_folders(name: str, data_dir: Path) -> tuple[Path, ...]:
    """Return the folders to look for files of `name` in, in order.

    torchvision's folder comes first and `data_dir` itself last, because the three sets' files have the same names.
    """
    return (data_dir / _CLASSES[name] / "raw", data_dir / name, *_DEBIAN_FOLDERS.get(name, ()), data_dir)


def require_mnist(name: str, data_dir: Path) -> None:
    """Download those of the four files that are missing.

    Raises:
        UserError: If a file is missing and cannot be downloaded.
    """
    folders = mnist_folders(name, data_dir)
    if all(find_idx(file, folders) for train in _PARTS for file in _file_names(train=train)):
        return
    # Takes seconds to import, and only a download needs it: for the addresses and checksums.
    import torchvision.datasets

    source = getattr(torchvision.datasets, _CLASSES[name])
    for file, md5 in source.resources:
        if find_idx(file.removesuffix(".gz"), folders[:1]) is None:
            try:
                fetch([mirror + file for mirror in source.mirrors], folders[0] / file, md5=md5)
            except DownloadError as error:
                wanted = ", ".join(resource for resource, _ in source.resources)
                raise UserError(
                    f"dataset '{name}' is not on disk and cannot be downloaded ({error}); put {wanted} "
                    f"(gzip'ed or not) into '{folders[0]}' or name their folder with --data-dir"
                ) from error


def read_mnist(name: str, data_dir: Path, *, train: bool) -> RawImages:
    """Read one official part.

    Args:
        name: One of mnist, fashion_mnist, kmnist.
        data_dir: Folder of data sets; see `mnist_folders`.
        train: Whether the train part (60,000 images) or the test part (10,000).

    Raises:
        UserError: If files are missing or damaged.
    """
    folders = mnist_folders(name, data_dir)
    paths = [find_idx(file, folders) for file in _file_names(train=train)]
    if paths[0] is None or paths[1] is None:
        raise UserError(f"files of dataset '{name}' have gone from '{data_dir}'; put them back")
    images = read_idx(paths[0], ndim=3)
    labels = read_idx(paths[1], ndim=1)
    if len(images) != len(labels):
        raise UserError(f"'{paths[0]}' holds {len(images)} images but '{paths[1]}' {len(labels)} labels")
    return RawImages(images[:, None], labels.astype(np.int64))


def _file_names(*, train: bool) -> tuple[str, str]:
    part = _PARTS[train]
    return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
