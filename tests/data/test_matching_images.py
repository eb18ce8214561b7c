"""The images keep their promises: read off their pixels, and tried with models that compare nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from sasa_nas.data import matching
from sasa_nas.data.matching import MATCHING, draw_matching, load_matching
from sasa_nas.data.registry import load

COUNT = 6000


@pytest.fixture(scope="module")
def seen() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cue's row and texture (N, 2); row, texture and colour of the others (N, 3, 3), by row; the classes.

    From pixels alone. Textures: 0 where rows of pixels differ, 1 where columns do, 2 where neither do, in a chequer.
    """
    images, labels = draw_matching(COUNT, 3)
    # image, row and column of the patch, channel, row and column of the pixel
    blocks = images.reshape(COUNT, 3, 4, 4, 4, 4).transpose(0, 2, 4, 1, 3, 5).astype(float)
    patches = blocks.std((4, 5)).max(3) > 62
    assert (patches.sum(1) == [1, 0, 0, 3]).all(), "nothing stands between"
    grey = blocks.sum(3)
    contrasts = np.stack([np.abs(np.diff(grey.mean(axis), axis=3)).mean(3) for axis in (4, 3)])
    texture = np.where(contrasts.max(0) < 150, 2, contrasts.argmax(0))
    colour = blocks.mean((4, 5)).argmax(3)
    every, cue = np.arange(COUNT), patches[:, :, 0].argmax(1)
    right = np.nonzero(patches[:, :, 3])[1].reshape(COUNT, 3)
    others = np.stack([right, *(found[every[:, None], right, 3] for found in (texture, colour))], axis=2)
    return np.stack([cue, texture[every, cue, 0]], axis=1), others, labels


def test_the_class_is_the_colour_of_what_has_the_cues_texture(seen) -> None:
    cues, others, labels = seen
    assert others.shape == (COUNT, 3, 3)
    assert (np.sort(others[:, :, 1], axis=1) == np.arange(3)).all()
    assert (np.sort(others[:, :, 2], axis=1) == np.arange(3)).all()
    matches = others[:, :, 1] == cues[:, 1:]
    assert (others[:, :, 2][matches] == labels).all()


def test_nothing_alone_tells_the_class(seen) -> None:
    cues, others, labels = seen
    # whatever a sum over places can use: the cue's texture by row, each pair of texture and colour by row
    features = np.zeros((COUNT, 12 + 36))
    features[np.arange(COUNT), 3 * cues[:, 0] + cues[:, 1]] = 1
    for i in range(3):
        features[np.arange(COUNT), 12 + 9 * others[:, i, 0] + 3 * others[:, i, 1] + others[:, i, 2]] = 1
    half = COUNT // 2
    fitted = LogisticRegression(max_iter=500).fit(features[:half], labels[:half])
    # a third, with four standard errors
    assert fitted.score(features[half:], labels[half:]) < 1 / 3 + 4 * np.sqrt(2 / 9 / half)
    for values in (cues[:, 0], cues[:, 1], *others.reshape(COUNT, 9).T):
        table = np.array([np.bincount(values[labels == label], minlength=4) for label in range(3)])
        assert np.abs(table / table.sum(0).clip(1) - 1 / 3)[:, table.sum(0) > 0].max() < 5 * np.sqrt(2 / 9 / 1000)


def test_parts_are_drawn_apart_and_the_same_every_time() -> None:
    splits = load(MATCHING.name)
    parts = [splits.train, splits.validation, splits.load_test()]
    assert [len(part) for part in parts] == [2048, 1024, 1024]
    rows = [{image.numpy().tobytes() for image in part.images} for part in parts]
    assert len(set().union(*rows)) == 4096
    again = load(MATCHING.name)
    assert torch.equal(again.load_test().images, parts[2].images)
    assert torch.equal(again.train.labels, parts[0].labels)
    for part in parts:
        counts = torch.bincount(part.labels)
        assert counts.max() - counts.min() <= 1
    inputs = splits.train.inputs(slice(None)).double()
    assert inputs.mean((0, 2, 3)).abs().max() < 1e-5
    assert (inputs.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-5


def test_the_test_part_is_drawn_by_load_test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    draw = matching._draw
    monkeypatch.setattr(matching, "_draw", lambda part, info: drawn.append(part) or draw(part, info))
    splits = load_matching(MATCHING)
    assert drawn == ["train", "validation"]
    splits.load_test()
    assert drawn[2:] == ["test"]


def test_images_are_resized() -> None:
    splits = load(MATCHING.name, image_size=8)
    assert splits.train.images.shape == (2048, 3, 8, 8)
    assert (splits.info, splits.train.images.dtype) == (replace(MATCHING, height=8, width=8), torch.uint8)
