"""The images of a folder by part and class, listed without opening them.

    PATH/<class>/*.png                  no parts: the images are divided later
    PATH/train/<class>/*.png            with any of
    PATH/val/<class>/*.png              (or valid, validation)
    PATH/test/<class>/*.png             (or testing)

In place of class folders, `val/` may have a file of its images' classes; see `image_labels`.

Names of parts may be in capitals. Images are at any depth below their class's folder. Hidden files, files of operating
systems, and files without an image's suffix are ignored. Links are followed.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from sasa_nas.data.image_labels import ImageLabels, find_image_labels, read_image_labels
from sasa_nas.errors import UserError, printable

Example: TypeAlias = tuple[str, int]
"""An image's file and its class."""

_SUFFIXES = frozenset(
    {"apng", "avif", "bmp", "gif", "heic", "heif", "jfif", "jp2", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "pnm"}
    | {"ppm", "tga", "tif", "tiff", "webp"}
)
_LEFT_BEHIND = frozenset({"__MACOSX", "@eaDir", "lost+found"})
_Part: TypeAlias = Literal["train", "validation", "test"]
_PART_NAMES: dict[_Part, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_Inode: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Listing:
    """The images of a folder.

    Attributes:
        path: Path of the folder.
        train_root: Folder of the classes of train images: `path` itself if there are no parts.
        classes: Names of the classes; a label is an index into them.
        train: Images of the train part, or all of them, class by class in the order of their names.
        validation: Images of the validation part; None if there is no such folder.
        test: Images of the test part; None if there is no such folder.
    """

    path: Path
    train_root: Path
    classes: tuple[str, ...]
    train: Sequence[Example]
    validation: Sequence[Example] | None = None
    test: Sequence[Example] | None = None


def list_images(path: Path, validation_labels: Path | None = None) -> Listing:
    """List the images of a folder.

    Args:
        path: Absolute path of the folder.
        validation_labels: File of the classes of validation images. Default: one that `find_image_labels` finds, if
            these have no class folders.

    Raises:
        UserError: If the folder is missing or cannot be read, has fewer than two classes, or its layout is none of
            those above; see also `read_image_labels`.
    """
    if not path.is_dir():
        shown = printable(path)
        raise UserError(f"there is no folder '{shown}'; write imagefolder:PATH with a folder of class folders")
    _require_text(path)
    parts = _parts(path)
    root = parts.get("train", path)
    classes = _class_names(root)
    if validation_labels is not None and "validation" not in parts:
        raise UserError(f"'{printable(path)}' has no folder 'val' beside 'train' whose images a file could label")
    listed: dict[str, list[Example]] = {}
    for part, folder in parts.items():
        if part != "train":
            labels = _own_labels(folder, classes, validation_labels) if part == "validation" else None
            listed[part] = _examples(folder, classes, root) if labels is None else _labelled(folder, classes, labels)
            _require_images(folder, listed[part])
    return Listing(path, root, classes, _examples(root, classes, root), listed.get("validation"), listed.get("test"))


def _parts(path: Path) -> dict[_Part, Path]:
    """Return the folders of the parts, if there is a train part; a class may be called train, too."""
    names = _subfolders(path)
    named = {part: [n for n in names if n.casefold() in known] for part, known in _PART_NAMES.items()}
    filled = {part: [n for n in found if _subfolders(path / n)] for part, found in named.items()}
    if filled["train"]:
        # a folder without classes beside the train part is a mistake that `_class_names` names
        chosen = {part: (filled["train"] if part == "train" else found) for part, found in named.items()}
        for found in chosen.values():
            if len(found) > 1:
                both = f"'{printable(found[0])}' and '{printable(found[1])}'"
                raise UserError(f"'{printable(path)}' holds both {both}, two names of one part; keep one of them")
        return {part: path / found[0] for part, found in chosen.items() if found}
    of_parts = [name for found in named.values() for name in found]
    classes = [name for name in names if name not in of_parts]
    if of_parts and not classes:
        if named["train"]:
            raise _unsorted(path / named["train"][0])
        raise UserError(f"'{printable(path)}' holds '{printable(of_parts[0])}' but no 'train' with class folders")
    for name in [*filled["validation"], *filled["test"]]:
        if set(_subfolders(path / name)) & set(classes):
            raise UserError(
                f"'{printable(path)}' holds class folders beside the part '{printable(name)}'; "
                "move the classes into a folder 'train'"
            )
    return {}


def _class_names(root: Path) -> tuple[str, ...]:
    names = _subfolders(root)
    if len(names) < 2:
        inner = [root / name for name in names if len(_subfolders(root / name)) > 1]
        hint = f"did you mean '{printable(inner[0])}'?" if inner else "put each class's images into a folder of its own"
        raise UserError(f"'{printable(root)}' holds {len(names)} class folders, and two at least are needed; {hint}")
    return tuple(names)


def _examples(root: Path, classes: Sequence[str], train_root: Path) -> list[Example]:
    names = _subfolders(root)
    if not names:
        raise _unsorted(root)
    unknown = sorted(set(names) - set(classes))
    if unknown:
        raise UserError(
            f"'{printable(root)}' holds the class '{printable(unknown[0])}', which the train images in "
            f"'{printable(train_root)}' do not have"
        )
    present = set(names)
    return [
        (file, label) for label, name in enumerate(classes) if name in present for file in _images_below(root / name)
    ]


def _own_labels(folder: Path, classes: Sequence[str], named: Path | None) -> ImageLabels | None:
    """Return the classes of a part's images from a file; None if they lie in class folders, or there is no file."""
    found = named
    if found is None and not set(_subfolders(folder)) & set(classes):
        found = find_image_labels(folder)
    return None if found is None else read_image_labels(found, classes)


def _labelled(folder: Path, classes: Sequence[str], labels: ImageLabels) -> list[Example]:
    """Return the images of a part by the classes in a file, class by class in the order of their names."""
    found: list[list[str]] = [[] for _ in classes]
    for file in _images_below(folder):
        found[labels.label(Path(file))].append(file)
    return [(file, label) for label, files in enumerate(found) for file in files]


def _unsorted(root: Path) -> UserError:
    """Return the error for a part without folders of classes."""
    loose = sum(1 for _ in _images_below(root))
    return UserError(
        f"'{printable(root)}' holds {loose} images and no class folders; sort them into a folder for each class, or "
        "move it elsewhere"
    )


def _require_images(root: Path, examples: Sequence[Example]) -> None:
    if not examples:
        raise UserError(f"'{printable(root)}' holds no images; put some into its class folders, or remove it")


def _require_text(path: Path) -> None:
    """Check that a name can be written into a record."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"the folder's name '{printable(path)}' is not valid UTF-8; rename it") from error


def _subfolders(path: Path) -> list[str]:
    return [entry.name for entry in _entries(path) if _is_folder(entry)]


def _images_below(folder: Path) -> Iterator[str]:
    """Yield the images at any depth below a folder, in the order of their names, without loops of links."""
    yield from _walk(str(folder), frozenset(_inode(above.stat()) for above in (folder, *folder.parents)))


def _walk(folder: str, above: frozenset[_Inode]) -> Iterator[str]:
    for entry in _entries(folder):
        if _is_folder(entry):
            here = _inode(entry.stat())
            if here not in above:
                yield from _walk(entry.path, above | {here})
        elif "." in entry.name and entry.name.rpartition(".")[2].lower() in _SUFFIXES:
            _require_file(entry)
            yield entry.path


def _entries(folder: Path | str) -> list["os.DirEntry[str]"]:
    """Return the entries of a folder in the order of names, without ignored ones."""
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if entry.name[0] != "." and entry.name not in _LEFT_BEHIND]
    except OSError as error:
        raise UserError(f"cannot list the folder '{printable(folder)}' ({error.strerror})") from error
    return sorted(shown, key=lambda entry: entry.name)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _require_file(entry: "os.DirEntry[str]") -> None:
    """Check that an image's entry is a file, as opening a pipe would block."""
    try:
        regular = entry.is_file()
    except OSError:
        regular = False
    if not regular:
        what = "a link that leads nowhere" if entry.is_symlink() else "no regular file"
        raise UserError(f"'{printable(entry.path)}' is called an image and is {what}; mend or remove it")


def _inode(status: os.stat_result) -> _Inode:
    return status.st_dev, status.st_ino
