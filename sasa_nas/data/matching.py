"""Generated images whose class depends on the comparison of distant patches alone, for which attention is needed.

An image has a grey patch on the left, the cue, and three coloured ones on the right. Each of the three has one of three
textures and one of three colours, no two alike, so that one has the cue's texture. Its colour is the class.

Neither counts nor positions determine the class: every image has each colour once and each texture once beside the cue,
at random heights, and cues and pairs of texture and colour are equally frequent in all classes. It depends on the cue's
texture and the colour of that texture together. Eight columns of pixels are between the cue and the others: a network
that sums over units with a receptive field of nine columns can do no better than chance.
"""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from sasa_nas.data.known import register_dataset
from sasa_nas.data.preprocess import resize, standardisation_of
from sasa_nas.data.splits import DATA_SEED, DatasetInfo, ImageSet, Indices, Splits, Standardisation

MATCHING = DatasetInfo(
    name="synthetic-images:matching", channels=3, height=16, width=16, num_classes=3, flip=False, shift=0
)
SIZES = {"train": 2048, "validation": 1024, "test": 1024}
"""Number of images in each part; each is drawn from its own random stream."""
PATCH = 4
"""Side of a patch, in pixels; the image is four patches high and wide."""

_ROWS, _COLUMNS = np.mgrid[:PATCH, :PATCH]
_TEXTURES = 0.2 + 0.8 * np.stack([_ROWS % 2, _COLUMNS % 2, (_ROWS + _COLUMNS) % 2])
"""Horizontal stripes, vertical stripes and a chequerboard, of equal brightness and contrast."""
_COLOURS = np.array([[1.0, 0.15, 0.15], [0.15, 1.0, 0.15], [0.2, 0.2, 1.0]])
_GREY = np.array([0.8, 0.8, 0.8])
_GROUND = 0.3
_NOISE = 0.1
"""Standard deviation of a pixel's noise, as a share of the range from black to white."""

Pixels = npt.NDArray[np.uint8]


def draw_matching(count: int, seed: int | list[int]) -> tuple[Pixels, Indices]:
    """Draw images, the same for the same seed.

    Args:
        count: Number of images.
        seed: Seed of a NumPy generator.

    Returns:
        (count, 3, 16, 16) images and (count,) classes, which are equally frequent.
    """
    generator = np.random.default_rng(seed)
    side, kinds, every = MATCHING.height // PATCH, len(_TEXTURES), np.arange(count)
    # image, row and column of the patch, row and column of the pixel, colour
    patches = np.full((count, side, side, PATCH, PATCH, 3), _GROUND)
    textures, colours = (generator.permuted(np.tile(np.arange(kinds), (count, 1)), axis=1) for _ in range(2))
    matched, labels = generator.integers(kinds, size=count), generator.permutation(every % kinds)
    # turned around until the match has its label, which leaves both orders of the other two as likely
    colours = (colours + (labels - colours[every, matched])[:, None]) % kinds
    heights = generator.permuted(np.tile(np.arange(side), (count, 1)), axis=1)
    for i in range(kinds):
        patches[every, heights[:, i], side - 1] = _painted(textures[:, i], _COLOURS[colours[:, i]])
    patches[every, generator.integers(side, size=count), 0] = _painted(textures[every, matched], _GREY)
    images = patches.transpose(0, 5, 1, 3, 2, 4).reshape(count, 3, MATCHING.height, MATCHING.width)
    images = np.clip(images + generator.normal(0.0, _NOISE, images.shape), 0.0, 1.0)
    return np.rint(255 * images).astype(np.uint8), labels.astype(np.int64)


def _painted(textures: Indices, colours: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return coloured textures, (N, PATCH, PATCH, 3), with one colour each or one for all."""
    return _TEXTURES[textures][..., None] * np.atleast_2d(colours)[:, None, None, :]


def load_matching(info: DatasetInfo, data_dir: Path | None = None) -> Splits:
    """Return the three parts; the test part is drawn when `load_test` is called.

    Args:
        info: `MATCHING`, or the same with another height and width.
        data_dir: Unused, as nothing is read.

    Returns:
        uint8 image sets, standardised batch by batch.
    """
    images, labels = _draw("train", info)
    scale = standardisation_of(images)
    return Splits(
        info=info,
        train=ImageSet(images, labels, scale),
        validation=_part("validation", info, scale),
        load_test=partial(_part, "test", info, scale),
        standardisation=scale,
    )


def _part(part: str, info: DatasetInfo, scale: Standardisation) -> ImageSet:
    return ImageSet(*_draw(part, info), scale)


def _draw(part: str, info: DatasetInfo) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = draw_matching(SIZES[part], [DATA_SEED, list(SIZES).index(part)])
    return resize(torch.from_numpy(images), height=info.height, width=info.width), torch.from_numpy(labels)


register_dataset(MATCHING, load_matching)
