"""Validation images in one folder, labelled by a file."""

from pathlib import Path

import pytest
from odd_folders import fill

from sasa_nas.data.image_listing import list_images
from sasa_nas.errors import UserError

LINES = "v_0.png n02\nv_1.png n01\nv_2.png n02\n"
KAGGLE = "ImageId,PredictionString\nv_0,n02 85 1 499 272 \nv_1,n01 1 2 3 4 n01 5 6 7 8\nv_2,n02 1 1 2 2\n"
TINY = "v_0.png\tn02\t0\t32\t44\t62\nv_1.png\tn01\t1\t1\t2\t2\nv_2.png\tn02\t1\t1\t2\t2\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "train", classes=("n01", "n02"), count=3)
    fill(tmp_path, classes=("val",), count=3)
    for number in range(3):
        (tmp_path / f"val/{number:03}.png").rename(tmp_path / f"val/v_{number}.png")
    return tmp_path


@pytest.mark.parametrize(
    ("place", "text"),
    [("val.txt", LINES), ("LOC_val_solution.csv", KAGGLE), ("val/val_annotations.txt", TINY), ("../else.txt", LINES)],
)
def test_flat_images_are_listed_as_if_they_were_in_class_folders(folder: Path, place: str, text: str) -> None:
    (folder / place).write_text(text)
    listing = list_images(folder, folder / place if place.startswith("..") else None)
    assert listing.validation is not None
    found = [(Path(file).name, listing.classes[label]) for file, label in listing.validation]
    assert found == [("v_1.png", "n01"), ("v_0.png", "n02"), ("v_2.png", "n02")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("v_0.png n02\nv_1.png 1\n", "line 2 of .* has '1' where a class folder"),
        ("490\n361\n", "line 1 of .* has nothing where a class folder"),
        ("v_0.png n02\nv_1.png n01\n", "no class for the image .*v_2.png"),
        (LINES + "v_0.png n01\n", "line 4 of .* a second class"),
        ("\0\udcff", "cannot read the classes"),
    ],
)
def test_other_files_are_named(folder: Path, text: str, complaint: str) -> None:
    (folder / "val.txt").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=complaint) as caught:
        list_images(folder)
    assert "\n" not in str(caught.value)


def test_without_a_file_the_folder_is_unsorted(folder: Path) -> None:
    with pytest.raises(UserError, match="3 images and no class folders"):
        list_images(folder)


def test_labels_need_a_validation_folder(folder: Path) -> None:
    with pytest.raises(UserError, match="no folder 'val'"):
        list_images(folder / "train", folder / "val.txt")


def test_class_folders_need_no_file(folder: Path) -> None:
    (folder / "val.txt").write_text("nonsense")
    fill(folder / "val", classes=("n01",), count=2)
    listing = list_images(folder)
    assert listing.validation is not None
    assert [label for _, label in listing.validation] == [0, 0]
