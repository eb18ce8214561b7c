"""A small data set in COCO's format: rectangles, ellipses and triangles in many colours on noise."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

CATEGORIES = [{"id": 2, "name": "rectangle"}, {"id": 5, "name": "ellipse"}, {"id": 7, "name": "triangle"}]
"""As in COCO itself, the numbers have gaps."""
_DRAWN = {2: "rectangle", 5: "ellipse", 7: "polygon"}


def write_shapes(
    path: Path, *, train: int, validation: int, size: tuple[int, int] = (96, 128), most: int = 3, seed: int = 0
) -> Path:
    """Writes both parts, with up to `most` shapes an image; where `validation` is 0, it is the train part again."""
    rng = np.random.default_rng(seed)
    (path / "annotations").mkdir(parents=True)
    content = _part(path, "train2017", train, size, most, rng)
    _write(path, "train2017", content)
    if validation == 0:
        (path / "val2017").symlink_to("train2017")
    else:
        content = _part(path, "val2017", validation, size, most, rng)
    _write(path, "val2017", content)
    return path


def _write(path: Path, part: str, content: dict[str, Any]) -> None:
    (path / "annotations" / f"instances_{part}.json").write_text(json.dumps(content))


def _part(
    path: Path, part: str, count: int, size: tuple[int, int], most: int, rng: np.random.Generator
) -> dict[str, Any]:
    (path / part).mkdir()
    images, annotations = [], []
    for number in range(1, count + 1):
        picture, boxes = _picture(size, most, rng)
        name = f"{number:06d}.png"
        picture.save(path / part / name)
        images.append({"id": number, "file_name": name, "height": size[0], "width": size[1]})
        annotations += [
            {"image_id": number, "category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for category, box in boxes
        ]
    for number, annotation in enumerate(annotations):
        annotation["id"] = number
    return {"images": images, "annotations": annotations, "categories": CATEGORIES}


def _picture(
    size: tuple[int, int], most: int, rng: np.random.Generator
) -> tuple[Image.Image, list[tuple[int, list[int]]]]:
    """An image, and the category and the box (left, top, width, height) of every shape in it."""
    height, width = size
    picture = Image.fromarray(rng.integers(90, 165, (height, width, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    boxes: list[tuple[int, list[int]]] = []
    for _ in range(int(rng.integers(1, most + 1))):
        wide, tall = (int(side) for side in rng.integers(height // 4, height // 2, 2))
        left, top = int(rng.integers(0, width - wide)), int(rng.integers(0, height - tall))
        if any(_overlap((left, top, wide, tall), box) for _, box in boxes):
            continue
        category = int(rng.choice(list(_DRAWN)))
        colour = tuple(int(part) for part in rng.choice([0, 255], 3))
        corners = [(left, top), (left + wide - 1, top + tall - 1)]
        if category == 7:
            corners = [(left, top + tall - 1), (left + wide // 2, top), corners[1]]
        getattr(draw, _DRAWN[category])(corners, fill=colour)
        boxes.append((category, [left, top, wide, tall]))
    return picture, boxes


def _overlap(one: tuple[int, int, int, int], other: list[int]) -> bool:
    return all(one[i] < other[i] + other[i + 2] and other[i] < one[i] + one[i + 2] for i in (0, 1))
