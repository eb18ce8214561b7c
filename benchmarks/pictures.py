"""Made-up JPEGs as large as ImageNet's, for benchmarks of loading."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from sasa_nas.data.image_listing import Example


def write_images(
    folder: Path, pictures: Path | None, count: int, size: tuple[int, int], *, different: int | None = None
) -> None:
    """Write JPEGs in two classes, at quality 90; those of 500x400 have about 100 kilobytes.

    Args:
        folder: New folder.
        pictures: Folder of JPEGs to enlarge; None for random colours.
        count: Number of files.
        size: Width and height in pixels.
        different: Number of different images, of which the other files are copies; default: all.
    """
    generator = np.random.default_rng(0)
    files = sorted(pictures.rglob("*.JPEG"))[::97] if pictures else []
    noise = generator.normal(0, 17, (size[1] + 64, size[0] + 64, 3)).astype(np.float32)
    for number in range(count):
        place = folder / str(number % 2)
        place.mkdir(parents=True, exist_ok=True)
        if different is not None and number >= different:
            source = folder / str(number % 2) / f"{number % different:06}.jpg"
            shutil.copyfile(source, place / f"{number:06}.jpg")
            continue
        if files:
            picture = Image.open(files[number % len(files)]).convert("RGB")
        else:
            picture = Image.fromarray(generator.integers(0, 256, (16, 16, 3)).astype(np.uint8))
        enlarged = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
        top, left = generator.integers(0, 64, 2)
        pixels = enlarged + noise[top : top + size[1], left : left + size[0]]
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place / f"{number:06}.jpg", quality=90)


def examples(folder: Path) -> list[Example]:
    """Return the files of a folder, and their classes."""
    return [(str(file), int(file.parent.name)) for file in sorted(folder.rglob("*.jpg"))]
