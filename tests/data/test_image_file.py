"""One image from a file, at the size and with the colours that a network takes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sasa_nas.data.image_file import image_size, read_image, read_whole_image
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


def read(path: Path, *, channels: int = 3, side: int = 4) -> list[int]:
    """The colour of the pixel at the upper left."""
    return read_image(path, channels=channels, height=side, width=side)[:, 0, 0].tolist()


def test_resizing_is_torchvisions(tmp_path: Path) -> None:
    """Bit for bit, for landscapes, portraits and squares."""
    from torchvision.transforms import functional

    for i, (height, width) in enumerate([(37, 61), (61, 37), (50, 50), (10, 100)]):
        pixels = np.random.default_rng(i).integers(0, 256, (height, width, 3))
        path = write(tmp_path / f"{i}.png", pixels)
        small = functional.resize(Image.open(path), [24], antialias=True)
        expected = functional.pil_to_tensor(functional.center_crop(small, [24, 24]))
        assert torch.equal(read_image(path, channels=3, height=24, width=24), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_as_they_were_taken(tmp_path: Path, orientation: int) -> None:
    turns = {
        1: lambda seen: seen,
        2: lambda seen: seen[:, ::-1],
        3: lambda seen: seen[::-1, ::-1],
        4: lambda seen: seen[::-1],
        5: lambda seen: seen.transpose(1, 0, 2),
        6: lambda seen: np.rot90(seen),
        7: lambda seen: np.rot90(seen, 2).transpose(1, 0, 2),
        8: lambda seen: np.rot90(seen, -1),
    }
    # what lies in the file so that the picture is seen when it is turned (EXIF 2.3, tag 0x0112)
    seen = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(turns[orientation](seen))).save(tmp_path / "a.png", exif=exif)
    turned = read_image(tmp_path / "a.png", channels=3, height=5, width=7)
    assert np.array_equal(turned.permute(1, 2, 0), seen)


def test_damaged_exif_data_damage_no_image(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "a.png", exif=b"no such data")
    assert read(tmp_path / "a.png") == [1, 2, 3]


def test_transparent_pixels_lie_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("RGBA", (4, 4), (200, 0, 0, 127)).save(tmp_path / "half.png")
    Image.new("LA", (4, 4), (10, 0)).save(tmp_path / "grey.png")
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 9, 8, 7])
    palette.save(tmp_path / "palette.png")
    palette.save(tmp_path / "clear_palette.png", transparency=1)
    Image.new("L", (4, 4), 10).save(tmp_path / "key.png", transparency=10)
    assert read(tmp_path / "clear.png") == read(tmp_path / "grey.png") == [255, 255, 255]
    assert read(tmp_path / "half.png") == [228, 128, 128]
    assert read(tmp_path / "palette.png") == [9, 8, 7]
    assert read(tmp_path / "clear_palette.png") == read(tmp_path / "key.png") == [255, 255, 255]
    assert read(tmp_path / "clear.png", channels=1) == [255]


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    pixels = np.full((4, 4), 40_000, dtype=np.uint16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(pixels).save(tmp_path / name)
        assert read(tmp_path / name) == [156, 156, 156]
        assert read(tmp_path / name, channels=1) == [156]
    (tmp_path / "a.pgm").write_bytes(b"P5 4 4 65535\n" + pixels.astype(">u2").tobytes())
    assert read(tmp_path / "a.pgm") == [156, 156, 156]


def test_pixels_of_no_known_range_are_refused(tmp_path: Path) -> None:
    Image.new("F", (4, 4), 0.5).save(tmp_path / "float.tif")
    Image.new("I", (4, 4), 70_000).save(tmp_path / "whole.tif")
    for name in ("float.tif", "whole.tif"):
        with pytest.raises(UserError, match=rf"{name}.*32 bits of no known range"):
            read(tmp_path / name)


def test_print_colours_bilevel_and_other_modes_come_out_right(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=100)
    red, green, blue = read(tmp_path / "red.jpg")
    assert red > 240
    assert max(green, blue) < 15
    Image.new("1", (4, 4), 1).save(tmp_path / "white.png")
    assert read(tmp_path / "white.png") == [255, 255, 255]


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (8, 8), (value, 0, 0)) for value in (250, 10, 90)]
    lossless = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **lossless)
    assert read(tmp_path / f"a.{suffix}") == [250, 0, 0]


def test_a_strip_is_cut_before_it_is_resized(tmp_path: Path) -> None:
    pixels = np.zeros((1, 60_000, 3))
    pixels[:, 29_000:31_000] = (10, 20, 30)
    path = write(tmp_path / "strip.png", pixels)
    small = read_image(path, channels=3, height=64, width=64)
    assert torch.equal(small, torch.tensor([10, 20, 30], dtype=torch.uint8).view(3, 1, 1).expand(3, 64, 64))
    assert image_size(path) == (60_000, 1)
