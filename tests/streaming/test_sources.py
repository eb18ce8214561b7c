"""Images by number, from files and from memory."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sasa_nas.data.image_file import read_image
from sasa_nas.errors import UserError
from sasa_nas.streaming.sources import FileSource, MemorySource


def test_files_are_read_as_the_decoder_of_folders_reads_them(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 13, 4)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels[..., :3]).save(tmp_path / "turned.png", exif=exif)
    Image.fromarray(pixels).save(tmp_path / "transparent.png")
    Image.fromarray(pixels, mode="CMYK").save(tmp_path / "print.jpg")
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(tmp_path / "wide.png")
    (tmp_path / "deeper").mkdir()
    odd = os.fsdecode(b"odd\xff.png")
    Image.fromarray(pixels[..., 1]).save(tmp_path / "deeper" / odd)
    names = ["turned.png", "transparent.png", "print.jpg", "wide.png", f"deeper/{odd}"]
    source = FileSource([(str(tmp_path / name), label) for label, name in enumerate(names)], side=8)
    source = pickle.loads(pickle.dumps(source))  # noqa: S301
    assert len(source) == 5
    assert source.labels.tolist() == [0, 1, 2, 3, 4]
    for index, name in enumerate(names):
        height, width = (13, 9) if name == "turned.png" else (9, 13)
        expected = read_image(tmp_path / name, channels=3, height=height, width=width)
        assert source.path(index) == tmp_path / name
        assert torch.equal(source.read(index), expected)


def test_a_large_photo_is_decoded_no_smaller_than_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    rows = np.linspace(0, 255, 320).astype(np.uint8)
    Image.fromarray(np.broadcast_to(rows[:, None, None], (320, 480, 3)).copy()).save(file, quality=95)
    source = FileSource([(str(file), 0)], side=8)
    sizes = {least: tuple(source.read(0, least).shape[1:]) for least in (None, 161, 160, 81, 80, 1)}
    assert sizes == {
        None: (320, 480),
        161: (320, 480),
        160: (160, 240),
        81: (160, 240),
        80: (80, 120),
        1: (40, 60),
    }
    halved = source.read(0).float().view(3, 160, 2, 240, 2).mean((2, 4))
    assert (source.read(0, 160).float() - halved).abs().max() <= 3


def test_files_may_be_few(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "a.png")
    assert FileSource([(str(tmp_path / "a.png"), 0)], side=4).read(0)[:, 0, 0].tolist() == [1, 2, 3]
    assert len(FileSource([], side=4)) == 0


def test_memory_holds_bytes() -> None:
    images = torch.arange(2 * 3 * 4 * 5).to(torch.uint8).view(2, 3, 4, 5)
    source = MemorySource(images, torch.tensor([0, 1]))
    assert (len(source), source.side) == (2, 4)
    assert torch.equal(source.read(1), images[1])
    with pytest.raises(UserError, match=r"float32 cannot be streamed"):
        MemorySource(images.float(), torch.tensor([0, 1]))
