"""One image from a file, at the size and with the colours that a network takes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sasa_nas.data.image_file import read_image, read_whole_image
from sasa_nas.errors import UserError


def write(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def test_the_right_size_is_left_alone(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3))
    read = read_image(write(tmp_path / "a.png", pixels), channels=3, height=5, width=7)
    assert read.dtype == torch.uint8
    assert np.array_equal(read.permute(1, 2, 0), pixels)


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (20, 20), (3, 11)])
@pytest.mark.parametrize("wanted", [(20, 20), (10, 30), (30, 10), (7, 8)])
def test_the_centre_is_kept_without_an_edge(tmp_path: Path, size: tuple[int, int], wanted: tuple[int, int]) -> None:
    # white but for the left half, so that padding with zeros would show on the right
    pixels = np.full(size, 255)
    pixels[:, : size[1] // 2] = 100
    height, width = wanted
    read = read_image(write(tmp_path / "a.png", pixels), channels=1, height=height, width=width)
    assert read.shape == (1, *wanted)
    assert read.min() >= 99
    assert (read[0, :, -1] > 220).all()
    assert (read[0, :, 0] < 200).all()


def test_colours_become_brightness_and_brightness_colours(tmp_path: Path) -> None:
    red = np.zeros((4, 4, 3))
    red[..., 0] = 200
    grey = read_image(write(tmp_path / "red.png", red), channels=1, height=4, width=4)
    assert (grey == round(200 * 0.299)).all()
    coloured = read_image(write(tmp_path / "grey.png", np.full((4, 4), 90)), channels=3, height=4, width=4)
    assert (coloured == 90).all()


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n half of one"])
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "cat.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"cannot read the image .*cat\.png") as caught:
        read_image(path, channels=3, height=8, width=8)
    assert "\n" not in str(caught.value)


def test_other_numbers_of_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="1 or 3 channels, not 4"):
        read_image(tmp_path / "cat.png", channels=4, height=8, width=8)


def test_whole_images_keep_their_size_and_every_pixel(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3))
    read = read_whole_image(write(tmp_path / "a.png", pixels))
    assert read.dtype == torch.uint8
    assert np.array_equal(read.permute(1, 2, 0), pixels)
    assert (read_whole_image(write(tmp_path / "grey.png", np.full((4, 6), 90))) == 90).all()


def test_whole_images_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the image .*cat\.png"):
        read_whole_image(tmp_path / "cat.png")
