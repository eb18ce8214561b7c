"""Which images a folder has, whatever else lies there."""

from pathlib import Path

import pytest
from assertions import every
from odd_folders import GOOD, fill

from sasa_nas.data.image_listing import list_images
from sasa_nas.data.registry import load


@pytest.mark.parametrize("name", GOOD)
def test_an_odd_folder_is_read_right(name: str, tmp_path: Path) -> None:
    GOOD[name](tmp_path / "photos")
    splits = load(f"imagefolder:{tmp_path / 'photos'}", image_size=4)
    found = {}
    for part in (splits.train, splits.validation, splits.load_test()):
        for image, label in zip(part.images, part.labels, strict=True):
            found.setdefault(int(label), []).append(image[:, 0, 0].tolist())
    images = {"nested": 10, "capitals": 15}.get(name, 5)
    assert [len(found[label]) for label in sorted(found)] == [images, images]
    if name not in ("nested", "suffixes"):  # lossy formats, and classes within classes
        assert every(colour[1:] == [label, 7] for label, colours in found.items() for colour in colours)


def test_names_of_parts_and_classes_are_sorted_and_images_are_in_their_order(tmp_path: Path) -> None:
    fill(tmp_path / "train", classes=("b", "a/z", "a/c", "a"), count=2)
    fill(tmp_path / "valid", classes=("a",), count=1)
    listing = list_images(tmp_path)
    assert listing.classes == ("a", "b")
    relative = [(str(Path(file).relative_to(tmp_path)), label) for file, label in listing.train]
    names = ["a/000", "a/001", "a/c/000", "a/c/001", "a/z/000", "a/z/001", "b/000", "b/001"]
    assert relative == [(f"train/{name}.png", int(name[0] == "b")) for name in names]
    assert listing.validation == [(str(tmp_path / "valid/a/000.png"), 0)]
    assert listing.test is None
