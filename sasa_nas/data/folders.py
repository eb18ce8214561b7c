"""Data sets of one's own, named by their folder: `imagefolder:PATH`, `coco:PATH`."""

from pathlib import Path

from sasa_nas.errors import UserError, one_line, printable

FOLDER_PREFIX = "imagefolder:"
"""Begins the name of a folder of images, one folder a class."""
COCO_PREFIX = "coco:"
"""Begins the name of a folder in COCO's format, for detectors."""


def names_folder(name: str) -> bool:
    """Return whether a data set's name is that of a folder."""
    return name.startswith((FOLDER_PREFIX, COCO_PREFIX))


def absolute_name(name: str, data_dir: Path | None) -> str:
    """Return a data set's name, with the absolute path in it where it is a folder's.

    Args:
        name: As `registry.load` or `coco.load_coco` takes it.
        data_dir: As `folder_of` takes it.

    Raises:
        UserError: As `folder_of`.
    """
    return f"{name.partition(':')[0]}:{folder_of(name, data_dir)}" if names_folder(name) else name


def folder_of(name: str, data_dir: Path | None) -> Path:
    """The absolute path in a data set's name.

    Args:
        name: What kind of folder, a colon, and the path; a relative one is looked for in the working directory and
            then in `data_dir`.
        data_dir: Where one's data sets lie.

    Raises:
        UserError: If the path's links lead round in a circle, or its home folder is nobody's.
    """
    text = name.partition(":")[2]
    try:
        path = Path(text).expanduser()
        if data_dir is not None and not path.exists() and (data_dir / path).exists():
            path = data_dir / path
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise UserError(f"there is no folder '{printable(text)}' ({one_line(error)})") from error
