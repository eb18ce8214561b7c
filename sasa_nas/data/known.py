"""The data sets that are known by name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sasa_nas.data.splits import DatasetInfo, Splits

Load = Callable[[DatasetInfo, Path | None], Splits]
"""Reads a data set: of the registered facts, perhaps with another height and width, and the folder of data sets."""


@dataclass(frozen=True)
class Dataset:
    """A data set that is known by its name.

    Attributes:
        info: Facts about it.
        load: Reads its parts.
    """

    info: DatasetInfo
    load: Load


DATASETS: dict[str, Dataset] = {}
"""Every registered data set by its name."""


def register_dataset(info: DatasetInfo, load: Load) -> None:
    """Register a data set.

    Args:
        info: Facts about it; its name is what `--dataset` takes.
        load: Called with the facts, of which height and width may be others, and with the folder where data sets lie
            or None for `default_data_dir()`; returns the parts at that height and width. The subset of
            `--train-images` is taken of what it returns.

    Raises:
        ValueError: If the name is taken.

    Example:
        >>> import sasa_nas
        >>> facts = DatasetInfo("mine", 3, 32, 32, num_classes=2, flip=True, shift=4)
        >>> sasa_nas.register_dataset(facts, load_mine)  # doctest: +SKIP
    """
    if info.name in DATASETS:
        raise ValueError(f"the data set '{info.name}' is registered already; choose another name")
    DATASETS[info.name] = Dataset(info, load)
