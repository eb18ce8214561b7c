"""Registry of data sets by name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sasa_nas.data.splits import DatasetInfo, Splits

Load = Callable[[DatasetInfo, Path | None], Splits]
"""A function that reads a data set, given its facts, perhaps with another height and width, and the folder."""


@dataclass(frozen=True)
class Dataset:
    """A registered data set.

    Attributes:
        info: Facts about the data set.
        load: Function that reads its parts.
    """

    info: DatasetInfo
    load: Load


DATASETS: dict[str, Dataset] = {}
"""All registered data sets by name."""


def register_dataset(info: DatasetInfo, load: Load) -> None:
    """Register a data set.

    Args:
        info: Facts about the data set; its name is the value of `--dataset`.
        load: Function of the facts, whose height and width may differ, and of the folder of data sets, or None for
            `default_data_dir()`; returns the parts at that height and width. The subset of `--train-images` is
            taken from its result.

    Raises:
        ValueError: If the name is taken.

    Examples:
        >>> import sasa_nas
        >>> facts = DatasetInfo("mine", 3, 32, 32, num_classes=2, flip=True, shift=4)
        >>> sasa_nas.register_dataset(facts, load_mine)  # doctest: +SKIP
    """
    if info.name in DATASETS:
        raise ValueError(f"the data set '{info.name}' is registered already; choose another name")
    DATASETS[info.name] = Dataset(info, load)
