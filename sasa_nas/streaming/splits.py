"""Data sets whose images are read while a network is trained."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sasa_nas.data.splits import DatasetInfo, Standardisation
from sasa_nas.streaming.sources import ImageSource


@dataclass(frozen=True, eq=False)
class StreamedSplits:
    """The three parts of a data set, as sources of images.

    Attributes:
        info: Facts about the data set; height and width are those of images in memory, and the usual side for files.
        train: The part to train on.
        validation: The part to compare by.
        load_test: Function that opens the test part.
        standardisation: Statistics in units of the sources' bytes: ImageNet's for folders, the train part's own for
            images in memory.
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
    raise NotImplementedError
