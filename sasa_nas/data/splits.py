"""Data sets: facts about the images, and three disjoint parts."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

DATA_SEED = 20190613
"""Seed of every split, the same for all trials and runs, so that they see the same validation part."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DatasetInfo:
    """Facts about a data set that are known without reading it.

    Attributes:
        name: Name of the data set; a folder's path in it is absolute.
        channels: Colour channels of an image.
        height: Height in pixels, after any resizing.
        width: Width in pixels, after any resizing.
        num_classes: Number of classes; labels run from 0 to `num_classes - 1`.
        flip: Whether a horizontal flip keeps the label.
        shift: The largest shift of the augmentation in pixels, in either direction of either axis.
        pixel_max: The largest value of a raw pixel; the smallest is 0.
        class_names: Names of the classes by label; empty if unknown.
    """

    name: str
    channels: int
    height: int
    width: int
    num_classes: int
    flip: bool
    shift: int
    pixel_max: float = 255.0
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Standardisation:
    """Per-channel statistics of the train part that turn raw pixels into network inputs.

    Attributes:
        mean: (C, 1, 1), float32, in the raw images' unit.
        std: (C, 1, 1), float32, positive.
    """

    mean: Tensor
    std: Tensor

    def apply(self, images: Tensor) -> Tensor:
        """Standardise `images` (..., C, H, W) of any dtype to float32."""
        return (images.to(torch.float32) - self.mean) / self.std

    def per_channel(self) -> "Statistics":
        """Return mean and standard deviation of each channel as tuples of floats."""
        return tuple(self.mean.flatten().tolist()), tuple(self.std.flatten().tolist())

    def to(self, device: torch.device) -> "Standardisation":
        """Return the same statistics on `device`."""
        return Standardisation(self.mean.to(device), self.std.to(device))


Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of a data set's pixels, per channel."""

_TOLERANCE = 1e-4
"""Relative tolerance of statistics; sums of the same pixels differ by less between machines."""


def same_statistics(now: Statistics, before: Statistics) -> bool:
    """Return True if the statistics of a data set are those of a record.

    The parts of a data set depend on its content: if images have changed, those that a network was trained on may now
    be in the validation or the test part.

    Args:
        now: Statistics of the data set, from `Standardisation.per_channel`.
        before: Statistics in the record; if empty (unknown), they match every data set.
    """
    numbers, wanted = (*now[0], *now[1]), (*before[0], *before[1])
    return not wanted or (
        len(numbers) == len(wanted)
        and all(
            math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) for a, b in zip(numbers, wanted, strict=True)
        )
    )


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and their labels in memory, on one device.

    Attributes:
        images: (N, C, H, W); float32 and already standardised, or uint8 together with `standardisation`.
        labels: (N,), int64: index of each image's class.
        standardisation: Statistics applied to uint8 images batch by batch, which takes a quarter of float32's memory.

    Raises:
        ValueError: If shapes or dtypes are others.
    """

    images: Tensor
    labels: Tensor
    standardisation: Standardisation | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 4:
            raise ValueError(f"images: expected (N, C, H, W), got shape {tuple(self.images.shape)}")
        if self.labels.shape != self.images.shape[:1] or self.labels.dtype != torch.int64:
            raise ValueError(
                f"labels: expected int64 of shape ({len(self.images)},), "
                f"got {self.labels.dtype} of shape {tuple(self.labels.shape)}"
            )
        expected = torch.float32 if self.standardisation is None else torch.uint8
        if self.images.dtype != expected:
            with_or_without = "without" if self.standardisation is None else "with"
            raise ValueError(f"images: expected {expected} {with_or_without} standardisation, got {self.images.dtype}")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Device of the images."""
        return self.images.device

    def inputs(self, index: Tensor | slice) -> Tensor:
        """Return the network's input for the examples at `index`: (B, C, H, W), float32, standardised."""
        chosen = self.images[index]
        return chosen if self.standardisation is None else self.standardisation.apply(chosen)

    def to(self, device: torch.device) -> "ImageSet":
        """Return the same examples on `device`."""
        scale = None if self.standardisation is None else self.standardisation.to(device)
        return ImageSet(self.images.to(device), self.labels.to(device), scale)


@dataclass(frozen=True, eq=False)
class SearchSplits:
    """The two parts of a data set that a search sees, without access to the test part.

    Attributes:
        info: Facts about all parts.
        train: The part to train on; its statistics standardise every part.
        validation: The part to compare designs by.
        standardisation: Statistics by which raw pixels are standardised, in every part.
    """

    info: DatasetInfo
    train: ImageSet
    validation: ImageSet
    standardisation: Standardisation


@dataclass(frozen=True, eq=False)
class Splits(SearchSplits):
    """The three parts of a data set.

    The test part is a function, not a tensor: its pixels are read only when `load_test()` is called, which `train` and
    `retrain` do once.

    Attributes:
        load_test: Function that reads the test part.
    """

    load_test: Callable[[], ImageSet]

    def without_test(self) -> SearchSplits:
        """Return the parts that a search sees."""
        return SearchSplits(self.info, self.train, self.validation, self.standardisation)


def stratified_split(labels: Indices, *, held_out: float, seed: int = DATA_SEED) -> tuple[Indices, Indices]:
    """Divide examples into two stratified parts.

    Args:
        labels: (N,) class of each example.
        held_out: Share of the second part, in (0, 1); raised if that part would have fewer examples than there are
            classes.
        seed: Seed of the division.

    Returns:
        Positions in `labels` of the kept and of the held-out examples, each in increasing order.

    Raises:
        ValueError: If a class has fewer than two examples or there are too few examples to divide.
    """
    # Costs a second to import, which listing data sets need not pay.
    from sklearn.model_selection import train_test_split

    count = max(round(held_out * len(labels)), len(np.unique(labels)))
    kept, taken = train_test_split(
        np.arange(len(labels), dtype=np.int64), test_size=count, random_state=seed, stratify=labels
    )
    return np.sort(kept), np.sort(taken)


def three_way_split(labels: Indices, *, validation: float = 0.2, test: float = 0.2) -> tuple[Indices, Indices, Indices]:
    """Return train, validation and test positions of a data set without official parts.

    Args:
        labels: (N,) class of each example.
        validation: Share of all examples.
        test: Share of all examples. It is taken first, so that it does not depend on `validation`.

    Raises:
        ValueError: See `stratified_split`.
    """
    rest, test_index = stratified_split(labels, held_out=test)
    train, held = stratified_split(labels[rest], held_out=validation / (1.0 - test))
    return rest[train], rest[held], test_index
