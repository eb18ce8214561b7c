from pathlib import Path

import numpy as np
import pytest
import torch
from assertions import every
from odd_folders import fill as fill_with
from PIL import Image

from sasa_nas.data import decoded, image_file
from sasa_nas.data.preprocess import standardisation_of
from sasa_nas.data.registry import dataset_info, load
from sasa_nas.errors import UserError


def fill(folder: Path, *, count: int = 10, size: tuple[int, int] = (12, 10), **kinds) -> None:
    fill_with(folder, count=count, size=size, **kinds)


def colours(data):
    return {tuple(image[:, 0, 0].tolist()): int(label) for image, label in zip(data.images, data.labels, strict=True)}


def numbers(data):
    return {number for number, _, _ in colours(data)}


def test_plain_folder_is_divided_60_20_20(tmp_path):
    fill(tmp_path)
    splits = load(f"imagefolder:{tmp_path}", image_size=8)
    parts = [splits.train, splits.validation, splits.load_test()]
    assert [len(part) for part in parts] == [12, 4, 4]
    assert splits.train.images.shape == (12, 3, 8, 8)
    merged = {}
    for part in parts:
        found = colours(part)
        assert every(colour[1] == label and colour[2] == 7 for colour, label in found.items())
        merged |= found
    assert len(merged) == 20


def test_info_counts_classes_without_opening_images(tmp_path):
    for name in ("a", "b", "c", ".hidden"):
        (tmp_path / name).mkdir()
    info = dataset_info(f"imagefolder:{tmp_path}")
    assert (info.num_classes, info.height, info.width, info.channels) == (3, 224, 224, 3)
    assert info.class_names == ("a", "b", "c")
    assert info.flip
    assert info.shift == 28


@pytest.mark.parametrize(
    ("folders", "sizes", "validation_at", "test_at"),
    [
        (["train"], (12, 4, 4), None, None),
        (["train", "val"], (18, 2, 4), None, 100),
        (["train", "test"], (18, 2, 4), None, 100),
        (["train", "valid", "test"], (20, 4, 4), 100, 200),
    ],
)
def test_split_folders(tmp_path, folders, sizes, validation_at, test_at):
    fill(tmp_path / "train")
    for position, name in enumerate(folders[1:]):
        fill(tmp_path / name, count=2, start=100 * (position + 1))
    splits = load(f"imagefolder:{tmp_path}", image_size=8)
    validation, test = splits.validation, splits.load_test()
    assert (len(splits.train), len(validation), len(test)) == sizes
    assert numbers(splits.train) <= set(range(10))
    assert numbers(validation) <= (set(range(10)) if validation_at is None else {validation_at, validation_at + 1})
    assert numbers(test) <= (set(range(10)) if test_at is None else {test_at, test_at + 1})


def test_class_called_train_is_a_class(tmp_path):
    fill(tmp_path, classes=("car", "train"))
    assert load(f"imagefolder:{tmp_path}", image_size=8).info.num_classes == 2


def test_shorter_side_is_resized_and_the_centre_kept(tmp_path):
    fill(tmp_path)
    # Three 16-pixel squares side by side: red, green, blue; the centre is the green one.
    picture = np.zeros((16, 48, 3), dtype=np.uint8)
    for band in range(3):
        picture[:, 16 * band : 16 * (band + 1), band] = 255
    for path in (tmp_path / "cat").iterdir():
        Image.fromarray(picture).save(path)
    splits = load(f"imagefolder:{tmp_path}", image_size=8)
    image = splits.train.images[splits.train.labels == 0][0]
    assert image[:, 4, 4].tolist() == [0, 255, 0]
    assert image[1, :, 1:-1].min() == 255


def test_grey_and_palette_images_become_three_channels(tmp_path):
    fill(tmp_path)
    Image.new("L", (12, 10), 9).save(tmp_path / "cat" / "000.png")
    Image.new("P", (12, 10)).save(tmp_path / "cat" / "001.png")
    assert load(f"imagefolder:{tmp_path}", image_size=8).train.images.shape[1] == 3


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The images that are opened, their headers or the whole of them."""
    found: list[Path] = []
    whole = image_file._opened
    monkeypatch.setattr(image_file, "_opened", lambda path: found.append(path) or whole(path))
    return found


def test_test_images_are_opened_by_load_test_alone(tmp_path, opened):
    fill(tmp_path)
    splits = load(f"imagefolder:{tmp_path}", image_size=8)
    before = set(opened)
    assert len(opened) == len(before) == 16
    splits.load_test()
    assert len(set(opened) - before) == 4


def test_images_are_decoded_once(tmp_path, opened):
    fill(tmp_path)
    first = load(f"imagefolder:{tmp_path}", image_size=8)
    first.load_test()
    opened.clear()
    again = load(f"imagefolder:{tmp_path}", image_size=8)
    for part, same in ((first.train, again.train), (first.validation, again.validation)):
        assert torch.equal(part.images, same.images)
        assert torch.equal(part.labels, same.labels)
    assert torch.equal(first.load_test().images, again.load_test().images)
    assert first.standardisation.per_channel() == again.standardisation.per_channel()
    assert opened == []
    (tmp_path / "cat" / "000.png").touch()
    load(f"imagefolder:{tmp_path}", image_size=8)
    assert len(opened) == 16


def test_statistics_are_those_of_the_whole_train_part(tmp_path):
    fill(tmp_path)
    splits = load(f"imagefolder:{tmp_path}", image_size=8, train_images=3)
    whole = standardisation_of(load(f"imagefolder:{tmp_path}", image_size=8).train.images)
    assert torch.allclose(splits.standardisation.mean, whole.mean, atol=1e-5)
    assert torch.allclose(splits.standardisation.std, whole.std, atol=1e-5)
    assert whole.std[2] == 1, "of a constant channel"


def test_a_subset_is_a_slice_of_the_same_memory(tmp_path):
    fill(tmp_path)
    name = f"imagefolder:{tmp_path}"
    whole, part = load(name, image_size=8), load(name, image_size=8, train_images=6)
    assert (len(whole.train), len(part.train), len(part.validation)) == (12, 6, 4)
    assert torch.bincount(part.train.labels).tolist() == [3, 3]
    assert numbers(part.train) <= numbers(whole.train)
    assert part.train.images.untyped_storage().nbytes() == 16 * 3 * 8 * 8
    for count, words in ((13, "more than"), (1, "each of the 2 classes")):
        with pytest.raises(UserError, match=words):
            load(name, image_size=8, train_images=count)


@pytest.mark.parametrize(
    ("size", "odd", "side"),
    [((12, 12), None, 12), ((12, 12), (14, 14), 224), ((12, 10), None, 224), ((4, 4), None, 4)],
)
def test_the_side_is_the_folder_s_own_where_its_images_share_one(tmp_path, opened, size, odd, side):
    fill(tmp_path, size=size, count=8)
    if odd is not None:
        Image.new("RGB", odd).save(tmp_path / "dog" / "007.png")
    info = dataset_info(f"imagefolder:{tmp_path}")
    assert (info.height, info.width, info.shift) == (side, side, max(1, side // 8))
    assert len(opened) == 16
    assert dataset_info(f"imagefolder:{tmp_path}", image_size=20).height == 20
    assert len(opened) == 16


def test_images_too_small_to_train_on_are_named(tmp_path):
    fill(tmp_path, size=(3, 3))
    with pytest.raises(UserError, match=r"are 3x3 pixels; give an image size of 4 or more"):
        load(f"imagefolder:{tmp_path}")


def test_relative_path_is_made_absolute_and_found_in_data_dir(tmp_path, monkeypatch):
    fill(tmp_path / "pets")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    expected = f"imagefolder:{(tmp_path / 'pets').resolve()}"
    assert dataset_info("imagefolder:pets").name == expected
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert dataset_info("imagefolder:pets", tmp_path).name == expected
    assert load("imagefolder:pets", data_dir=tmp_path, image_size=8).info.name == expected


def test_unreadable_image_is_named(tmp_path):
    fill(tmp_path)
    for bad in (tmp_path / "dog").iterdir():
        bad.write_bytes(bad.read_bytes()[:40])
    with pytest.raises(UserError, match=r"cannot read the image .*dog/\d+\.png") as caught:
        load(f"imagefolder:{tmp_path}", image_size=8)
    assert "\n" not in str(caught.value)


def test_missing_folder_and_classes_are_named(tmp_path):
    with pytest.raises(UserError, match="no folder"):
        load(f"imagefolder:{tmp_path / 'none'}")
    with pytest.raises(UserError, match="0 class folders"):
        load(f"imagefolder:{tmp_path}")
    fill(tmp_path, classes=("only",))
    with pytest.raises(UserError, match="1 class folders"):
        load(f"imagefolder:{tmp_path}")
    fill(tmp_path, classes=("only", "few"), count=2)
    with pytest.raises(UserError, match="class 'few'"):
        load(f"imagefolder:{tmp_path}")


def test_class_that_only_the_test_images_have_is_refused(tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "test", classes=("bird", "cat"), count=2)
    with pytest.raises(UserError, match="class 'bird'"):
        load(f"imagefolder:{tmp_path}", image_size=8)


def test_more_than_the_disk_holds_is_refused(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.setattr(decoded, "_SPARE_BYTES", 2**60)
    with pytest.raises(UserError, match=r"16 images of 8x8 take 0\.0 GiB, and .* has 0\.0 GiB free"):
        load(f"imagefolder:{tmp_path}", image_size=8)
