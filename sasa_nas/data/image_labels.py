"""Classes of images that lie in one folder, from a file beside it: ImageNet's validation part as it is published.

Either a text with an image and the name of its class folder on each line, and perhaps more behind them, as in
`val_annotations.txt` of Tiny ImageNet:

    ILSVRC2012_val_00000001.JPEG n01751748

or Kaggle's `LOC_val_solution.csv`, with a class and boxes:

    ImageId,PredictionString
    ILSVRC2012_val_00048981,n03995372 85 1 499 272

Numbers instead of names are refused: files of them count from 0 or 1, in the order of the names or of ImageNet's
development kit.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sasa_nas.errors import UserError, one_line, printable
from sasa_nas.files import read_text

_INSIDE = ("val_annotations.txt", "val.txt")
"""Names that are looked for in the folder of the images."""
_BESIDE = ("val.txt", "LOC_val_solution.csv")
"""Names that are looked for beside the folder of the images."""
_LARGEST = 2**28
"""Most bytes; ImageNet's has three megabytes."""


@dataclass(frozen=True)
class ImageLabels:
    """Classes of images.

    Attributes:
        file: File that has them.
        labels: Label of each image, by its file's name, with or without the suffix.
    """

    file: Path
    labels: dict[str, int]

    def label(self, image: Path) -> int:
        """Return the label of an image.

        Raises:
            UserError: If the file does not have it.
        """
        found = self.labels.get(image.name, self.labels.get(image.stem))
        if found is None:
            raise UserError(
                f"'{printable(self.file)}' has no class for the image '{printable(image)}'; add a line, or remove the "
                "image"
            )
        return found


def find_image_labels(folder: Path) -> Path | None:
    """Return the file of the classes of the images in a folder; None if there is none."""
    places = (*(folder / name for name in _INSIDE), *(folder.parent / name for name in _BESIDE))
    return next((place for place in places if place.is_file()), None)


def read_image_labels(file: Path, classes: Sequence[str]) -> ImageLabels:
    """Read a file of images' classes.

    Args:
        file: The file, in one of the formats above.
        classes: Names of the class folders of the train part.

    Raises:
        UserError: If it cannot be read, is in another format, or names an unknown class.
    """
    try:
        lines = read_text(file, _LARGEST, follow=True).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the classes of images in '{printable(file)}' ({one_line(error)})") from error
    known = {name: label for label, name in enumerate(classes)}
    labels: dict[str, int] = {}
    for number, image, name in _pairs(lines):
        if name not in known:
            raise UserError(
                f"line {number} of '{printable(file)}' has {_shown(name)} where a class folder of the train part is "
                f"expected, such as '{printable(classes[0])}'; its lines must be: file, class folder"
            )
        if labels.setdefault(Path(image).name, known[name]) != known[name]:
            raise UserError(f"line {number} of '{printable(file)}' gives '{printable(image)}' a second class")
    return ImageLabels(file, labels)


def _pairs(lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Yield number, image and class of each line that is not empty; the class is empty if there is none."""
    kaggle = bool(lines) and lines[0].replace(" ", "").lower().startswith("imageid,")
    rows = enumerate(csv.reader(lines) if kaggle else map(str.split, lines), start=1)
    for number, row in rows:
        if not row or (kaggle and number == 1):
            continue
        classes = row[1].split() if len(row) > 1 else []
        yield number, row[0], classes[0] if classes else ""


def _shown(name: str) -> str:
    return f"'{printable(name, longest=40)}'" if name else "nothing"
