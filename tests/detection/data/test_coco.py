"""COCO-format data: what is read, what is left out, and what a mistake in the files is told by."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from coco_shapes import CATEGORIES, write_shapes
from PIL import Image
from pycocotools.coco import COCO

from sasa_nas.detection.data.coco import load_coco
from sasa_nas.errors import UserError

Content = dict[str, Any]


def annotation(image: int, category: int, box: list[float], **fields: Any) -> Content:
    return {"image_id": image, "category_id": category, "bbox": box, **fields}


def content(*annotations: Content, images: int = 2) -> Content:
    return {
        "images": [
            {"id": 10 + i, "file_name": f"{i}.png", "height": 20, "width": 30, "license": 3} for i in range(images)
        ],
        "annotations": list(annotations),
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
    }


def write(path: Path, train: Content, validation: Content | None = None, *, suffix: str = "2017") -> str:
    """A data set whose images are black; the validation part holds one box unless it is given."""
    validation = validation or content(annotation(10, 7, [1, 1, 5, 5]))
    (path / "annotations").mkdir(parents=True)
    for part, data in (("train", train), ("val", validation)):
        (path / "annotations" / f"instances_{part}{suffix}.json").write_text(json.dumps(data))
        (path / f"{part}{suffix}").mkdir()
        for entry in data["images"] if isinstance(data.get("images"), list) else []:
            Image.new("RGB", (30, 20)).save(path / f"{part}{suffix}" / str(entry.get("file_name", "none.png")))
    return f"coco:{path}"


def test_boxes_and_labels(tmp_path: Path) -> None:
    splits = load_coco(
        write(
            tmp_path,
            content(
                annotation(11, 7, [2, 3, 4, 5.5]), annotation(10, 3, [0, 0, 30, 20]), annotation(11, 3, [1, 1, 2, 2])
            ),
        )
    )
    assert [(category.id, category.name) for category in splits.categories] == [(3, "dog"), (7, "cat")]
    first, second = splits.train.images
    assert first.boxes.tolist() == [[0, 0, 30, 20]]
    assert first.labels.tolist() == [0]
    assert second.boxes.tolist() == [[2, 3, 6, 8.5], [1, 1, 3, 3]]
    assert second.labels.tolist() == [1, 0]
    assert (first.boxes.dtype, first.labels.dtype) == (torch.float32, torch.int64)
    assert splits.name == f"coco:{tmp_path.resolve()}"


def test_crowds_and_empty_boxes_are_not_learnt_and_the_rest_is_cut_at_the_edge(tmp_path: Path) -> None:
    splits = load_coco(
        write(
            tmp_path,
            content(
                annotation(10, 7, [5, 5, 10, 10], iscrowd=1),
                annotation(10, 7, [5, 5, 0, 10]),
                annotation(10, 7, [5, 5, 10, -1]),
                annotation(10, 7, [40, 5, 10, 10]),
                annotation(10, 7, [-5, 15, 10, 10]),
            ),
        )
    )
    first, second = splits.train.images
    assert first.boxes.tolist() == [[0, 15, 5, 20]]
    assert second.boxes.shape == (0, 4)
    assert second.labels.shape == (0,)
    # crowds, and what is outside the image, are measured as COCO measures them
    assert [(truth["iscrowd"], truth["bbox"]) for truth in splits.train.truth["annotations"]] == [
        (1, [5, 5, 10, 10]),
        (0, [40, 5, 10, 10]),
        (0, [-5, 15, 10, 10]),
    ]


def test_annotations_are_numbered_from_one_and_have_an_area(tmp_path: Path) -> None:
    boxes = [annotation(10, 7, [0, 0, 4, 5], id=0), annotation(10, 7, [0, 0, 4, 5], id=0, area=7.5)]
    truths = load_coco(write(tmp_path, content(*boxes))).train.truth["annotations"]
    assert [(truth["id"], truth["area"]) for truth in truths] == [(1, 20), (2, 7.5)]


@pytest.mark.parametrize("layout", ["{part}", "images/{part}", "images", "."])
@pytest.mark.parametrize("suffix", ["2017", ""])
def test_layouts(tmp_path: Path, layout: str, suffix: str) -> None:
    name = write(tmp_path / "set", content(), suffix=suffix)
    for part in (f"train{suffix}", f"val{suffix}"):
        target = tmp_path / "set" / layout.format(part=part)
        target.mkdir(parents=True, exist_ok=True)
        for file in (tmp_path / "set" / part).iterdir():
            file.rename(target / file.name)
    splits = load_coco(name)
    assert splits.train.images[0].read().shape == (3, 20, 30)
    assert splits.validation.images[0].path.is_file()


def test_a_relative_path_is_looked_for_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "data" / "pets", content())
    monkeypatch.chdir(tmp_path)
    assert load_coco("coco:pets", Path("data")).name == f"coco:{(tmp_path / 'data' / 'pets').resolve()}"


def test_the_generated_set_reads_as_pycocotools_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_shapes(tmp_path / "shapes", train=5, validation=2)
    splits = load_coco(f"coco:{path}")
    theirs = COCO(str(path / "annotations" / "instances_train2017.json"))
    assert len(splits.train) == len(theirs.imgs) == 5
    assert [category.name for category in splits.categories] == [category["name"] for category in CATEGORIES]
    ids = sorted(theirs.cats)
    for image in splits.train.images:
        found = theirs.imgToAnns[image.id]
        corners = [[x, y, x + w, y + h] for x, y, w, h in (truth["bbox"] for truth in found)]
        assert image.boxes.tolist() == corners
        assert image.labels.tolist() == [ids.index(truth["category_id"]) for truth in found]
        pixels = np.asarray(Image.open(image.path))
        assert np.array_equal(image.read().permute(1, 2, 0), pixels)


def test_greyscale_images_are_read_in_colours(tmp_path: Path) -> None:
    splits = load_coco(write(tmp_path, content()))
    Image.new("L", (30, 20), 9).save(splits.train.images[0].path)
    pixels = splits.train.images[0].read()
    assert pixels.shape == (3, 20, 30)
    assert (pixels == 9).all()


def change(**fields: Any) -> Callable[[Content], Content]:
    return lambda data: {**data, **fields}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (change(images=None), "no list 'images'"),
        (change(images=[]), "has no images"),
        (change(categories=[]), "has no categories"),
        (change(categories=[{"id": 1}]), r"categories\[0\].name = nothing: must be a text"),
        (change(categories=[{"id": 1, "name": "a"}] * 2), r"categories\[1\].id = 1: another category"),
        (change(categories=["cat"]), r"categories\[0\].id = nothing: must be a whole number"),
        (change(images=[{"id": "1"}]), r"images\[0\].id = '1': must be a whole number"),
        (change(images=[{"id": 1, "file_name": "0.png", "width": 3}]), r"images\[0\].height = nothing"),
        (change(images=[{"id": 1, "file_name": "0.png", "width": 3, "height": 0}]), r"height = 0: must be positive"),
        (change(images=content()["images"] * 2), r"images\[2\].id = 10: another image"),
        (change(annotations=[annotation(99, 7, [1, 1, 1, 1])]), r"annotations\[0\].image_id = 99: the file has no"),
        (change(annotations=[annotation(10, 1, [1, 1, 1, 1])]), r"category_id = 1: the file has no such category"),
        (change(annotations=[annotation(10, 7, [1, 1, 1])]), r"bbox = \[1, 1, 1\]: must be four numbers"),
        (change(annotations=[annotation(10, 7, [1, 1, 1, float("nan")])]), "must be four numbers"),
        (change(annotations=[annotation(10, 7, [1, 1, 1, "1"])]), "must be four numbers"),
        (change(annotations=[7]), r"annotations\[0\].image_id = nothing"),
    ],
)
def test_mistakes_in_a_file_are_named_in_one_line(
    tmp_path: Path, spoil: Callable[[Content], Content], words: str
) -> None:
    name = write(tmp_path, spoil(content()))
    with pytest.raises(UserError, match=words) as caught:
        load_coco(name)
    assert "instances_" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_data_sets_have_no_boxes() -> None:
    with pytest.raises(UserError, match="'digits' has no boxes for a detector; write coco:PATH"):
        load_coco("digits")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        load_coco(f"coco:{tmp_path / 'none'}")
    with pytest.raises(UserError, match=r"must hold one instances_train\*.json, and holds none"):
        load_coco(f"coco:{tmp_path}")
    name = write(tmp_path / "set", content())
    (tmp_path / "set" / "train2017" / "1.png").unlink()
    with pytest.raises(UserError, match=r"lacks 1 of the images in .*instances_train2017.json', '1.png' for one"):
        load_coco(name)
    (tmp_path / "set" / "train2017" / "0.png").unlink()
    with pytest.raises(UserError, match=r"there is no image '0.png' in .*train2017, "):
        load_coco(name)


def test_two_files_of_annotations_are_one_too_many(tmp_path: Path) -> None:
    name = write(tmp_path, content())
    (tmp_path / "annotations" / "instances_val2014.json").write_text("{}")
    with pytest.raises(UserError, match=r"instances_val2014\.json and instances_val2017\.json"):
        load_coco(name)


def test_what_is_no_json_is_named(tmp_path: Path) -> None:
    name = write(tmp_path, content())
    (tmp_path / "annotations" / "instances_train2017.json").write_text('{"images": [')
    with pytest.raises(UserError, match=r"instances_train2017.json' cannot be read"):
        load_coco(name)


def test_parts_of_other_categories_are_refused(tmp_path: Path) -> None:
    other = content(annotation(10, 7, [1, 1, 5, 5]))
    other["categories"] = [*other["categories"], {"id": 9, "name": "bird"}]
    with pytest.raises(UserError, match="other categories"):
        load_coco(write(tmp_path, content(), other))


@pytest.mark.parametrize("box", [annotation(10, 7, [1, 1, 0, 0]), annotation(10, 7, [1, 1, 2, 2], iscrowd=1)])
def test_nothing_to_measure_on_is_refused(tmp_path: Path, box: Content) -> None:
    with pytest.raises(UserError, match="has no box but crowds"):
        load_coco(write(tmp_path, content(), content(box)))


def test_an_image_of_another_size_than_its_boxes_are_for(tmp_path: Path) -> None:
    image = load_coco(write(tmp_path, content())).train.images[0]
    Image.new("RGB", (20, 30)).save(image.path)
    with pytest.raises(UserError, match="is 30x20 pixels and its annotations are for 20x30"):
        image.read()
    image.path.write_bytes(b"no image")
    with pytest.raises(UserError, match="cannot read the image"):
        image.read()
