"""The files of SVHN (Netzer et al., 2011), cropped digits, read and checked by torchvision."""

from pathlib import Path
from typing import Any

import numpy as np

from sasa_nas.data.download import DownloadError, fetch
from sasa_nas.data.raw import RawImages
from sasa_nas.errors import UserError, one_line

_PARTS = ("train", "test")


def require_svhn(data_dir: Path) -> None:
    """Download those of both parts' files that are missing.

    Raises:
        UserError: If a file is missing and cannot be downloaded.
    """
    source = _source()
    for part in _PARTS:
        url, file, md5 = source.split_list[part]
        if not (data_dir / file).is_file():
            try:
                fetch([url], data_dir / file, md5=md5)
            except DownloadError as error:
                wanted = " and ".join(source.split_list[each][1] for each in _PARTS)
                raise UserError(
                    f"dataset 'svhn' is not on disk and cannot be downloaded ({error}); put {wanted} into "
                    f"'{data_dir}' or name their folder with --data-dir"
                ) from error


def read_svhn(data_dir: Path, *, train: bool) -> RawImages:
    """Read one official part, after torchvision has checked the file's checksum.

    Args:
        data_dir: The folder that holds the .mat files.
        train: Whether the train part (73,257 images) or the test part (26,032).

    Raises:
        UserError: If the file is missing or damaged.
    """
    source = _source()
    part = "train" if train else "test"
    try:
        data = source(data_dir, split=part, download=False)
    except (RuntimeError, OSError, ValueError) as error:
        path = data_dir / source.split_list[part][1]
        raise UserError(
            f"'{path}' is missing or damaged ({one_line(error)}); delete it and put it there anew, or let it "
            "be downloaded again"
        ) from error
    return RawImages(np.ascontiguousarray(data.data), data.labels.astype(np.int64))


def _source() -> Any:
    # Takes seconds to import, and most runs need no SVHN.
    import torchvision.datasets

    return torchvision.datasets.SVHN
