"""Lay out Tiny ImageNet for the study of `groups_64`: train, validation and test folders of 40 classes.

    python benchmarks/tiny_imagenet.py SOURCE OUT [--classes N]

`SOURCE` is Tiny ImageNet as its home page packs it (`train/<class>/images/*.JPEG`), or any folder of `train/<class>`
folders with its images, of which each carries its number at the end of its name. Of a class the images from number 400
on validate and the others train: 400 and 100 of the 500. A tenth, which is what a folder without a validation part
leaves out, would be 50 a class, so few that drawing them is much of what two trainings of a network differ by. Images
are copied; with more classes than `--classes`, those that `random.Random(0)` draws are.
"""

import argparse
import random
import shutil
import sys
from pathlib import Path

FIRST_VALIDATION = 400
"""Number of the first image of a class that validates."""


def part_of(image: Path) -> str:
    """Return the part that an image goes to, by the number at the end of its name, as in `n01629819_437.JPEG`."""
    return "val" if int(image.stem.rsplit("_", 1)[1]) >= FIRST_VALIDATION else "train"


def lay_out(source: Path, out: Path, classes: int) -> dict[str, int]:
    """Copy the images of a source to `out/train` and `out/val`, and its test part, if it has classes, to `out/test`.

    Args:
        source: Folder with `train/<class>`.
        out: New folder.
        classes: Classes to keep, at most.

    Returns:
        Number of images by part.

    Raises:
        OSError: If a folder cannot be read or written, or `out` is there already.
        ValueError: If an image carries no number.
    """
    out.mkdir(parents=True)
    names = sorted(folder.name for folder in (source / "train").iterdir() if folder.is_dir())
    kept = sorted(random.Random(0).sample(names, min(classes, len(names))))
    copied = {"train": 0, "val": 0, "test": 0}
    for name in kept:
        for image in sorted((source / "train" / name).rglob("*.JPEG")):
            _copy(image, out / part_of(image) / name)
            copied[part_of(image)] += 1
        for image in sorted((source / "test" / name).rglob("*.JPEG")):
            _copy(image, out / "test" / name)
            copied["test"] += 1
    return copied


def _copy(image: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(image, folder / image.name)


def main() -> None:
    """Lay out the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--classes", type=int, default=40)
    options = parser.parse_args()
    try:
        copied = lay_out(options.source, options.out, options.classes)
    except (OSError, ValueError, IndexError) as error:
        sys.exit(f"{options.source} cannot be laid out in {options.out}: {error}")
    print(f"{options.out}: " + ", ".join(f"{count:,} {part}" for part, count in copied.items()))


if __name__ == "__main__":
    main()
