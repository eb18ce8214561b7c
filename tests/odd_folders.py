"""Folders of images as they come: those that are read right, and those that are refused in one line."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

Build = Callable[[Path], object]


def fill(
    folder: Path,
    *,
    classes: Sequence[str] = ("cat", "dog"),
    count: int = 5,
    size: tuple[int, int] = (8, 8),
    start: int = 0,
) -> Path:
    """Plain images of one colour each, (number, class, 7), so that an example can be told by its pixel."""
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(start, start + count):
            Image.new("RGB", size, (number, label, 7)).save(folder / name / f"{number:03d}.png")
    return folder


def with_file(name: str, content: bytes = b"no image") -> Build:
    """A good folder with one file more."""

    def build(path: Path) -> None:
        fill(path)
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)

    return build


def with_link(name: str, target: str) -> Build:
    """A good folder with one link more, to a path relative to the link's."""

    def build(path: Path) -> None:
        fill(path)
        (path / name).symlink_to(target)

    return build


def _capitals(path: Path) -> None:
    for part in ("Train", "VAL", "Testing"):
        fill(path / part)


def _image_like_folder(path: Path) -> None:
    fill(path)
    (path / "cat" / "000.png").rename(path / "cat" / "held.png")
    (path / "cat" / "sub.jpg").mkdir()
    (path / "cat" / "held.png").rename(path / "cat" / "sub.jpg" / "deep.png")


def _suffixes(path: Path) -> None:
    fill(path)
    (path / "cat" / "000.png").rename(path / "cat" / "000.PNG")
    for number, suffix in ((1, "avif"), (2, "webp"), (3, "JPEG"), (4, "bmp")):
        (path / "cat" / f"00{number}.png").unlink()
        Image.new("RGB", (8, 8), (number, 0, 7)).save(path / "cat" / f"00{number}.{suffix}")


def _linked_class(path: Path) -> None:
    fill(path)
    (path / "cat").rename(path.parent / f"{path.name} elsewhere")
    (path / "cat").symlink_to(path.parent / f"{path.name} elsewhere")


def _undecodable(path: Path) -> None:
    fill(path)
    (path / "cat" / "000.png").rename(path / "cat" / os.fsdecode(b"\xff\xfe.png"))


GOOD: dict[str, Build] = {
    "hidden files": with_file("cat/.hidden.png"),
    "macOS forks": with_file("cat/._000.png"),
    "__MACOSX": with_file("__MACOSX/cat/000.png"),
    "__MACOSX inside": with_file("cat/__MACOSX/000.png"),
    "hidden class": with_file(".ipynb_checkpoints/000.png"),
    "Thumbs.db": with_file("cat/Thumbs.db"),
    "notes": with_file("cat/labels.txt"),
    "cover picture": with_file("cover.png"),
    "loop of links": with_link("cat/loop", ".."),
    "link to itself": with_link("cat/self", "self"),
    "class by a link": _linked_class,
    "unicode": lambda path: fill(path, classes=("Kätzchen", "犬 🐕")),
    "no UTF-8": _undecodable,
    "nested": lambda path: (fill(path / "cat", classes=("a", "b"), count=5), fill(path / "dog", classes=("a", "b"))),
    "capitals": _capitals,
    "folder called an image": _image_like_folder,
    "suffixes": _suffixes,
    "classes called train and car": lambda path: fill(path, classes=("car", "train")),
}
"""What is right in each: two classes, and five images of each that are read (or ten)."""


def _truncated(path: Path) -> None:
    fill(path, size=(64, 64))
    for file in sorted((path / "dog").iterdir()):
        Image.effect_noise((64, 64), 50).convert("RGB").save(file)
        file.write_bytes(file.read_bytes()[:2000])


def _pipe(path: Path) -> None:
    fill(path)
    os.mkfifo(path / "cat" / "pipe.png")


def _flat_part(part: str) -> Build:
    def build(path: Path) -> None:
        fill(path / "train")
        (path / part).mkdir()
        shutil.copy(path / "train" / "cat" / "000.png", path / part)

    return build


def _empty_class(path: Path) -> None:
    fill(path)
    (path / "bird").mkdir()


def _beside(path: Path) -> None:
    fill(path)
    fill(path / "test")


def _both_names(path: Path) -> None:
    for part in ("train", "val", "valid"):
        fill(path / part)


def _float(path: Path) -> None:
    fill(path)
    Image.new("F", (8, 8), 0.5).save(path / "dog" / "000.tif")


def _tested_class(path: Path) -> None:
    fill(path / "train")
    fill(path / "test", classes=("Cat", "dog"))


def _empty_val(path: Path) -> None:
    fill(path / "train")
    (path / "val").mkdir()


BAD: dict[str, tuple[Build, tuple[str, ...]]] = {
    "missing": (lambda path: None, ("there is no folder",)),
    "a file": (lambda path: path.write_bytes(b""), ("there is no folder",)),
    "link to itself": (lambda path: path.symlink_to(path), ("there is no folder",)),
    "empty": (lambda path: path.mkdir(), ("0 class folders",)),
    "flat": (lambda path: fill(path, classes=(".",)), ("0 class folders", "a folder of its own")),
    "one class": (lambda path: fill(path, classes=("cat",)), ("1 class folders", "two at least")),
    "a folder too deep": (lambda path: fill(path / "pets"), ("1 class folders", "did you mean", "/pets'?")),
    "one image": (lambda path: fill(path, count=1), ("class 'cat'", "has 1 images")),
    "empty class": (_empty_class, ("class 'bird'", "has 0 images")),
    "flat val": (_flat_part("val"), ("/val' holds 1 images and no class folders",)),
    "flat test": (_flat_part("test"), ("/test' holds 1 images and no class folders",)),
    "flat parts": (lambda path: fill(path, classes=("train", "test")), ("/train' holds 5 images and no class",)),
    "empty val": (_empty_val, ("/val' holds 0 images",)),
    "no train": (lambda path: (fill(path / "val"), fill(path / "test")), ("no 'train'",)),
    "parts beside classes": (_beside, ("beside the part 'test'",)),
    "two names for a part": (_both_names, ("'val' and 'valid'",)),
    "a class that only test has": (_tested_class, ("the class 'Cat'", "do not have")),
    "zero bytes": (with_file("cat/zero.png", b""), ("cat/zero.png", "no image of a known kind")),
    "text called .jpg": (with_file("cat/text.jpg"), ("cat/text.jpg", "no image of a known kind")),
    "HEIC": (with_file("cat/phone.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), ("cat/phone.HEIC",)),
    "truncated": (_truncated, ("cannot read the image", "more cannot be read")),
    "broken link": (with_link("cat/gone.png", "nowhere.png"), ("cat/gone.png", "a link that leads nowhere")),
    "link to itself called an image": (with_link("cat/self.png", "self.png"), ("a link that leads nowhere",)),
    "pipe": (_pipe, ("cat/pipe.png", "no regular file")),
    "floating point": (_float, ("dog/000.tif", "no known range")),
    "line break": (with_file("cat/two\nlines.png"), (r"cat/two\nlines.png",)),
}
"""What is refused, and words of the line that says so."""
