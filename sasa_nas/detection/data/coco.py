"""Data sets of boxes in COCO's format (Lin et al. 2014, arXiv 1405.0312, https://cocodataset.org/#format-data).

    PATH/annotations/instances_train2017.json     or instances_train.json: any text may follow `train`
    PATH/annotations/instances_val2017.json
    PATH/train2017/*.jpg                          named as the annotations' file, or PATH/images/train2017/*.jpg,
    PATH/val2017/*.jpg                            or all in PATH/images, or in PATH itself

Of the train part, crowds and boxes without an area are left out; images without any box are kept. The validation
part is what COCO's average precision is measured on, as published figures are: crowds are neither right nor wrong.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from sasa_nas.detection.data.boxes import BoxedImage, BoxedSet, BoxedSplits, Category
from sasa_nas.data.folders import folder_of, name_of
from sasa_nas.errors import UserError, one_line
from sasa_nas.files import LARGEST_ANNOTATIONS, read_text
from sasa_nas.tasks import DETECTION

COCO_PREFIX = DETECTION.folder
"""Prefix of the name of a folder in COCO's format."""
_MOST = 10**15
"""Largest number of an image, a category or a pixel; exact as a float, too."""
_LONGEST_SIDE = 100_000
"""Most pixels of an image's side."""
_ROOM = 1e-3
"""Least side, in pixels, of a box inside its image; a thinner one is empty."""


def load_coco(name: str, data_dir: Path | None = None) -> BoxedSplits:
    """Read a data set's annotations; images are opened when they are used.

    Args:
        name: `coco:PATH`, a relative path being looked for in the working directory and then in `data_dir`.
        data_dir: Folder of data sets; None for the working directory alone.

    Raises:
        UserError: If a file is missing, is not in COCO's format, or speaks of an image, a category or a box that
            cannot be; or if the validation part has no box.
    """
    if not name.startswith(COCO_PREFIX):
        raise UserError(f"'{name}' has no boxes for a detector; write {COCO_PREFIX}PATH with a folder in COCO's format")
    path = folder_of(name, data_dir)
    if not path.is_dir():
        raise UserError(f"there is no folder '{path}'; write {COCO_PREFIX}PATH with a folder in COCO's format")
    train, train_file = _annotations(path, "train")
    validation, validation_file = _annotations(path, "val")
    categories = _categories(train, train_file)
    if _categories(validation, validation_file) != categories:
        raise UserError(f"'{validation_file}' has other categories than '{train_file}'; give both the same")
    parts = [
        _part(path, annotations, file, categories)
        for annotations, file in ((train, train_file), (validation, validation_file))
    ]
    if all(truth["iscrowd"] for truth in parts[1].truth["annotations"]):
        raise UserError(f"'{validation_file}' has no box but crowds, so that nothing can be measured on it")
    return BoxedSplits(name_of(COCO_PREFIX, path), categories, *parts)


def _annotations(path: Path, part: str) -> tuple[Mapping[str, Any], Path]:
    """Return the content of a part's annotations, and their file."""
    folder = path / "annotations"
    files = sorted(folder.glob(f"instances_{part}*.json"))
    if len(files) != 1:
        found = " and ".join(file.name for file in files) or "none"
        raise UserError(f"'{folder}' must hold one instances_{part}*.json, and holds {found}")
    try:
        content = json.loads(read_text(files[0], LARGEST_ANNOTATIONS, follow=True))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise UserError(f"'{files[0]}' cannot be read: {reason}") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise UserError(f"'{files[0]}' is not in COCO's format: it has no list '{key}'")
    return content, files[0]


def _categories(content: Mapping[str, Any], file: Path) -> tuple[Category, ...]:
    """Return the categories, sorted by their numbers."""
    found = {}
    for place, entry in enumerate(content["categories"]):
        where = f"'{file}': categories[{place}]"
        category = Category(_whole(entry, "id", where), _text(entry, "name", where))
        if category.id in found:
            raise UserError(f"{where}.id = {category.id}: another category has that number")
        found[category.id] = category
    if not found:
        raise UserError(f"'{file}' has no categories")
    return tuple(found[number] for number in sorted(found))


def _part(path: Path, content: Mapping[str, Any], file: Path, categories: Sequence[Category]) -> BoxedSet:
    """Return one part: its images sorted by their numbers, and their annotations."""
    entries = {}
    for place, entry in enumerate(content["images"]):
        where = f"'{file}': images[{place}]"
        number = _whole(entry, "id", where)
        if number in entries:
            raise UserError(f"{where}.id = {number}: another image has that number")
        entries[number] = (
            _name(entry, "file_name", where),
            _side(entry, "height", where),
            _side(entry, "width", where),
        )
    if not entries:
        raise UserError(f"'{file}' has no images")
    annotations = _truths(content, file, entries.keys(), {category.id for category in categories})
    labels = {category.id: label for label, category in enumerate(categories)}
    objects = defaultdict(list)
    for truth in annotations:
        objects[truth["image_id"]].append(truth)
    root = _image_folder(path, file, [name for name, _, _ in entries.values()])
    images = [
        _image(number, root / name, height, width, objects[number], labels)
        for number, (name, height, width) in entries.items()
    ]
    truth = {
        "images": [{"id": image.id, "height": image.height, "width": image.width} for image in images],
        "annotations": annotations,
        "categories": [{"id": category.id, "name": category.name} for category in categories],
    }
    return BoxedSet(images, truth)


def _truths(
    content: Mapping[str, Any], file: Path, images: Collection[int], categories: Collection[int]
) -> list[dict[str, Any]]:
    """Return the annotations without those that have no area, in the form that pycocotools takes."""
    truths: list[dict[str, Any]] = []
    for place, entry in enumerate(content["annotations"]):
        where = f"'{file}': annotations[{place}]"
        image, category = _whole(entry, "image_id", where), _whole(entry, "category_id", where)
        for key, number, known in (("image_id", image, images), ("category_id", category, categories)):
            if number not in known:
                raise UserError(f"{where}.{key} = {number}: the file has no such {key.removesuffix('_id')}")
        box = _box(entry, where)
        if box[2] <= 0 or box[3] <= 0:
            continue
        truths.append(
            {
                # from 1: pycocotools takes a match with annotation 0 for none
                "id": len(truths) + 1,
                "image_id": image,
                "category_id": category,
                "bbox": box,
                "area": entry["area"] if _is_number(entry.get("area")) else box[2] * box[3],
                "iscrowd": int(bool(entry.get("iscrowd", 0))),
            }
        )
    return truths


def _image(
    number: int, path: Path, height: int, width: int, truths: Sequence[Mapping[str, Any]], labels: Mapping[int, int]
) -> BoxedImage:
    """Return an image with the boxes to train on, clipped to its edges."""
    kept = [truth for truth in truths if not truth["iscrowd"]]
    corner_and_size = torch.tensor([truth["bbox"] for truth in kept], dtype=torch.float64).view(-1, 4)
    corners = torch.cat((corner_and_size[:, :2], corner_and_size[:, :2] + corner_and_size[:, 2:]), dim=1)
    boxes = torch.minimum(corners.clamp(min=0), torch.tensor([width, height] * 2)).float()
    inside = (boxes[:, 2:] - boxes[:, :2] > _ROOM).all(1)
    classes = torch.tensor([labels[truth["category_id"]] for truth in kept], dtype=torch.int64)
    return BoxedImage(number, path, height, width, boxes[inside], classes[inside])


def _image_folder(path: Path, file: Path, names: Sequence[str]) -> Path:
    """Return the folder of a part's images.

    Raises:
        UserError: If one of them is not there.
    """
    part = file.stem.removeprefix("instances_")
    places = [path / part, path / "images" / part, path / "images", path]
    root = next((place for place in places if _is_file(place / names[0])), None)
    if root is None:
        raise UserError(f"there is no image '{names[0]}' in {', '.join(map(str, places))}; put the images into one")
    missing = [name for name in names if not _is_file(root / name)]
    if missing:
        raise UserError(f"'{root}' lacks {len(missing)} of the images in '{file}', '{missing[0]}' for one")
    return root


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # its name is too long
        return False


def _box(entry: Mapping[str, Any], where: str) -> list[float]:
    """Return left, top, width and height of a box."""
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        raise UserError(f"{where}.bbox = {_excerpt(box)}: must be four numbers, [left, top, width, height]")
    return [float(number) for number in box]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MOST


def _whole(entry: Any, key: str, where: str) -> int:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or not -_MOST <= value <= _MOST:
        raise UserError(f"{where}.{key} = {_excerpt(value)}: must be a whole number of at most 15 digits")
    return value


def _side(entry: Any, key: str, where: str) -> int:
    side = _whole(entry, key, where)
    if not 1 <= side <= _LONGEST_SIDE:
        raise UserError(f"{where}.{key} = {side}: must be positive, and at most {_LONGEST_SIDE:,}")
    return side


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise UserError(f"{where}.{key} = {_excerpt(value)}: must be a text")
    return value


def _name(entry: Mapping[str, Any], key: str, where: str) -> str:
    """Return the name of a file in the data set's folder or in a folder there."""
    name = _text(entry, key, where)
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"{where}.{key} = {_excerpt(name)}: must be the name of a file below the data set's folder")
    return name


def _excerpt(value: Any) -> str:
    return "nothing" if value is None else repr(value)[:60]
