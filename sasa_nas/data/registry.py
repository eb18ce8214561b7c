"""Facts and images of data sets by name: registered ones, and the user's own folders."""

import difflib
from dataclasses import replace
from pathlib import Path

# those imported for nothing but their names register data sets
from sasa_nas.data import digits, formulas, matching, official  # noqa: F401
from sasa_nas.data.decoded import Progress
from sasa_nas.data.folders import FOLDER_PREFIX, folder_of
from sasa_nas.data.imagefolder import SMALLEST, imagefolder_info, load_imagefolder
from sasa_nas.data.known import DATASETS
from sasa_nas.data.splits import DatasetInfo, SearchSplits, Splits
from sasa_nas.data.subset import subset
from sasa_nas.errors import UserError
from sasa_nas.tasks import TASKS


def dataset_names() -> tuple[str, ...]:
    """Return the names that `load` takes, `imagefolder:PATH` standing for folders, then those of other tasks."""
    return (*DATASETS, *(f"{task.folder}PATH" for task in TASKS.values()))


def dataset_info(name: str, data_dir: Path | None = None, image_size: int | None = None) -> DatasetInfo:
    """Return facts about a data set without reading it; a folder's files are listed, and a few opened for their size.

    Args:
        name: One of `dataset_names`. A relative path after `imagefolder:` is looked for in the working
            directory and then in `data_dir`; in the result it is absolute, so that the name is valid in other
            processes.
        data_dir: Folder of data sets; None for `default_data_dir()`.
        image_size: Side in pixels that images are resized to; None for the data set's own.

    Raises:
        UserError: If there is no such data set or folder, or the size is below 4.
    """
    _require_size(image_size)
    if name.startswith(FOLDER_PREFIX):
        return imagefolder_info(folder_of(name, data_dir), image_size=image_size)
    for task in TASKS.values():
        if name.startswith(task.folder):
            raise UserError(
                f"'{name}' holds {task.labels} for {task.network}s, not classes of images; name a data set of images"
            )
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise UserError(f"unknown dataset '{name}'; {hint}known: {', '.join(dataset_names())}")
    native = DATASETS[name].info
    if image_size is None:
        return native
    shift = max(1, round(native.shift * image_size / native.width)) if native.shift else 0
    return replace(native, height=image_size, width=image_size, shift=shift)


def pixel_max(name: str) -> float:
    """Return the largest value of a data set's raw pixels, without reading a folder.

    Args:
        name: Name of the data set, as for `dataset_info`.
    """
    return DATASETS[name].info.pixel_max if name in DATASETS else DatasetInfo.pixel_max


def load(
    name: str,
    *,
    data_dir: Path | None = None,
    image_size: int | None = None,
    train_images: int | None = None,
    progress: Progress | None = None,
) -> Splits:
    """Read a data set's train and validation parts; the test part is read by `Splits.load_test` alone.

    Args:
        name: Name of the data set, as for `dataset_info`.
        data_dir: Folder of files and downloads; None for `default_data_dir()`.
        image_size: Side in pixels; None for the data set's own.
        train_images: Size of a stratified subset of the train part to train on, which is the same in every process;
            None for all of it. The statistics that standardise images stay those of the whole part.
        progress: Callback for the decoding of a folder's images, if any.

    Raises:
        UserError: See `dataset_info`; and if files are missing and cannot be downloaded, or are damaged; if the data
            set is synthetic; or if it has no subset of `train_images`.
    """
    if name.startswith(FOLDER_PREFIX):
        path = folder_of(name, data_dir)
        _require_size(image_size)
        return load_imagefolder(path, image_size=image_size, train_images=train_images, progress=progress)
    info = dataset_info(name, data_dir, image_size)
    splits = DATASETS[name].load(info, data_dir)
    if train_images is None:
        return splits
    return replace(splits, train=subset(splits.train, train_images, name))


def load_for_search(
    name: str,
    *,
    data_dir: Path | None = None,
    image_size: int | None = None,
    train_images: int | None = None,
    progress: Progress | None = None,
) -> SearchSplits:
    """Load a data set like `load`, but without the test part, for searches."""
    return load(
        name, data_dir=data_dir, image_size=image_size, train_images=train_images, progress=progress
    ).without_test()


def _require_size(image_size: int | None) -> None:
    if image_size is not None and image_size < SMALLEST:
        raise UserError(f"image size {image_size} is too small; use {SMALLEST} pixels or more")
