"""The files of CIFAR-10 and CIFAR-100 (Krizhevsky, 2009), read and checked by torchvision."""

import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from sasa_nas.data.download import DownloadError, fetch
from sasa_nas.data.raw import RawImages
from sasa_nas.errors import UserError, one_line


def require_cifar(name: str, data_dir: Path) -> None:
    """Unpack or download the archive unless the unpacked folder exists.

    Raises:
        UserError: If there is no folder or archive and none can be downloaded, or the archive is damaged.
    """
    source = _source(name)
    if (data_dir / source.base_folder).is_dir():
        return
    archive = data_dir / source.filename
    if not archive.is_file():
        try:
            fetch([source.url], archive, md5=source.tgz_md5)
        except DownloadError as error:
            raise UserError(
                f"dataset '{name}' is not on disk and cannot be downloaded ({error}); put "
                f"{source.filename} or the folder {source.base_folder} into '{data_dir}' or name their "
                "folder with --data-dir"
            ) from error
    _unpack(archive, source.base_folder)


def read_cifar(name: str, data_dir: Path, *, train: bool) -> RawImages:
    """Read one official part; torchvision checks each file's checksum before it unpickles it.

    Args:
        name: cifar10 or cifar100.
        data_dir: The folder that holds the unpacked folder.
        train: Whether the train part (50,000 images) or the test part (10,000).

    Raises:
        UserError: If a file is missing or damaged.
    """
    source = _source(name)
    try:
        part = source(data_dir, train=train, download=False)
    except (RuntimeError, OSError) as error:
        folder = data_dir / source.base_folder
        raise UserError(
            f"dataset '{name}' in '{folder}' is incomplete or damaged ({one_line(error)}); delete the folder "
            f"and put {source.filename} beside it, or let it be downloaded again"
        ) from error
    return RawImages(np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)), np.asarray(part.targets, dtype=np.int64))


def _unpack(archive: Path, folder: str) -> None:
    """Unpack an archive beside it; the folder gets its name only when it is complete."""
    from torchvision.datasets.utils import extract_archive

    try:
        with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".unpack-") as place:
            extract_archive(archive, place)
            try:
                (Path(place) / folder).rename(archive.parent / folder)
            except OSError:
                # Another process was faster.
                if not (archive.parent / folder).is_dir():
                    raise
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UserError(f"cannot unpack '{archive}' ({one_line(error)}); get the file anew") from error


def _source(name: str) -> Any:
    # Takes seconds to import, and most runs need no CIFAR.
    import torchvision.datasets

    return {"cifar10": torchvision.datasets.CIFAR10, "cifar100": torchvision.datasets.CIFAR100}[name]
