"""Data sets opened for full trainings."""

from pathlib import Path

import pytest
import torch
from odd_folders import fill

from sasa_nas.data import decoded
from sasa_nas.data.registry import load
from sasa_nas.errors import UserError
from sasa_nas.streaming.sources import ImageSource
from sasa_nas.streaming.splits import open_streamed


def content(source: ImageSource) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.stack([source.read(index) for index in range(len(source))]), source.labels


@pytest.mark.parametrize("folders", [(), ("train",), ("train", "val"), ("train", "val", "test")])
@pytest.mark.parametrize("train_images", [None, 4])
def test_a_folder_is_divided_as_if_it_were_decoded(
    tmp_path: Path, folders: tuple[str, ...], train_images: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for position, name in enumerate(folders or (".",)):
        fill(tmp_path / name, count=10 if position == 0 else 2, start=100 * position)
    name = f"imagefolder:{tmp_path}"
    whole = load(name, train_images=train_images)
    expected = [(part.images, part.labels) for part in (whole.train, whole.validation, whole.load_test())]
    monkeypatch.setattr(decoded, "read_pixels", None)
    splits = open_streamed(name, train_images=train_images)
    assert splits.info == whole.info
    for part, (images, labels) in zip((splits.train, splits.validation, splits.load_test()), expected, strict=True):
        found = content(part)
        assert torch.equal(found[0], images)
        assert torch.equal(found[1], labels)
        assert part.side == 8


def test_folders_are_standardised_by_imagenets_statistics(tmp_path: Path) -> None:
    mean, std = open_streamed(f"imagefolder:{fill(tmp_path)}").standardisation.per_channel()
    assert mean == pytest.approx([255 * share for share in (0.485, 0.456, 0.406)])
    assert std == pytest.approx([255 * share for share in (0.229, 0.224, 0.225)])


def test_images_in_memory_give_the_same_inputs() -> None:
    for name in ("digits", "synthetic-images:matching"):
        whole, splits = load(name), open_streamed(name)
        parts = [(splits.train, whole.train), (splits.validation, whole.validation)]
        for part, expected in [*parts, (splits.load_test(), whole.load_test())]:
            images, labels = content(part)
            assert images.dtype == torch.uint8
            inputs = splits.standardisation.apply(images)
            assert torch.allclose(inputs, expected.inputs(slice(None)), atol=1e-5)
            assert torch.equal(labels, expected.labels)
            assert part.pixel_max == whole.info.pixel_max


def test_flat_validation_images_are_labelled_by_a_file(tmp_path: Path) -> None:
    fill(tmp_path / "data/train", classes=("n01", "n02"), count=4)
    fill(tmp_path / "data", classes=("val",), count=2, start=50)
    (tmp_path / "labels.txt").write_text("050.png n02\n051.png n01\n")
    splits = open_streamed(f"imagefolder:{tmp_path}/data", validation_labels=tmp_path / "labels.txt")
    images, labels = content(splits.load_test())
    assert images[:, 0, 0, 0].tolist() == [51, 50]
    assert labels.tolist() == [0, 1]


def test_mistakes_are_named(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(UserError, match="image size 2 is too small"):
        open_streamed(f"imagefolder:{tmp_path}", image_size=2)
    with pytest.raises(UserError, match="train_images=100 is more"):
        open_streamed(f"imagefolder:{tmp_path}", train_images=100)
    with pytest.raises(UserError, match="labels of its own"):
        open_streamed("digits", validation_labels=tmp_path / "labels.txt")
    with pytest.raises(UserError, match="are no bytes"):
        open_streamed("digits", image_size=12)
