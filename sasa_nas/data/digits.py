"""scikit-learn's digits: 1,797 handwritten digits of 8x8 pixels that come with the library (UCI, 1998)."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from sasa_nas.data.class_names import DIGITS_CLASSES
from sasa_nas.data.known import register_dataset
from sasa_nas.data.preprocess import resize, standardisation_of
from sasa_nas.data.splits import DatasetInfo, ImageSet, Indices, Splits, Standardisation, three_way_split

DIGITS = DatasetInfo(
    name="digits",
    channels=1,
    height=8,
    width=8,
    num_classes=10,
    flip=False,
    shift=1,
    pixel_max=16.0,
    class_names=DIGITS_CLASSES,
)


def load_digits(info: DatasetInfo, data_dir: Path | None = None) -> Splits:
    """Return the digits in three stratified parts: 60 % train, 20 % validation, 20 % test.

    The bundled file holds all images in one; the test part's rows are dropped here, and `load_test` reads
    the file again.

    Args:
        info: `DIGITS`, or the same with another height and width.
        data_dir: Unused, as the digits come with scikit-learn.

    Returns:
        Float32 image sets.
    """
    pixels, labels = _read()
    train, validation, test = three_way_split(labels)
    raw = _select(pixels, train, info)
    scale = standardisation_of(raw)
    return Splits(
        info=info,
        train=ImageSet(scale.apply(raw), torch.from_numpy(labels[train])),
        validation=_part(pixels, labels, validation, info, scale),
        load_test=partial(_load_test, info, scale, test),
        standardisation=scale,
    )


def _load_test(info: DatasetInfo, scale: Standardisation, index: Indices) -> ImageSet:
    pixels, labels = _read()
    return _part(pixels, labels, index, info, scale)


def _read() -> tuple[npt.NDArray[np.float32], Indices]:
    # Costs a second to import, which listing data sets need not pay.
    from sklearn import datasets

    bunch = datasets.load_digits()
    return bunch.images.astype(np.float32), bunch.target.astype(np.int64)


def _select(pixels: npt.NDArray[np.float32], index: Indices, info: DatasetInfo) -> torch.Tensor:
    return resize(torch.from_numpy(pixels[index]).unsqueeze(1), height=info.height, width=info.width)


def _part(
    pixels: npt.NDArray[np.float32],
    labels: Indices,
    index: Indices,
    info: DatasetInfo,
    scale: Standardisation,
) -> ImageSet:
    return ImageSet(scale.apply(_select(pixels, index, info)), torch.from_numpy(labels[index]))


register_dataset(DIGITS, load_digits)
