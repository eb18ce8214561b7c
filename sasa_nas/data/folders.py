"""Data sets of one's own, named by their folder, such as `imagefolder:PATH`."""

from pathlib import Path

from sasa_nas.errors import UserError, one_line, printable
from sasa_nas.sharing import from_home, home_relative
from sasa_nas.tasks import CLASSIFICATION, TASKS

FOLDER_PREFIX = CLASSIFICATION.folder
"""Begins the name of a folder of images, one folder a class."""


def names_folder(name: str) -> bool:
    """Return whether a data set's name is that of a folder."""
    return name.startswith(tuple(task.folder for task in TASKS.values()))


def name_of(kind: str, folder: Path) -> str:
    """Return the name of a data set by its folder's absolute path, as `folder_of` reads it: from `~` on if it can."""
    return f"{kind}{home_relative(folder)}"


def absolute_name(name: str) -> str:
    """Return a data set's name with the path in it from the root on, as a process of another user needs it."""
    kind, colon, path = name.partition(":")
    return f"{kind}{colon}{from_home(Path(path))}" if path.startswith("~") else name


def settled_name(name: str, data_dir: Path | None) -> str:
    """Return a data set's name as records hold it: the path of a folder no longer depends on where one is.

    Args:
        name: As `registry.load`, or what loads the data of another task, takes it.
        data_dir: As `folder_of` takes it.

    Raises:
        UserError: As `folder_of`.
    """
    return name_of(f"{name.partition(':')[0]}:", folder_of(name, data_dir)) if names_folder(name) else name


def folder_of(name: str, data_dir: Path | None) -> Path:
    """Return the absolute path in a data set's name.

    Args:
        name: What kind of folder, a colon, and the path; a relative one is looked for in the working directory and
            then in `data_dir`.
        data_dir: Where one's data sets lie.

    Raises:
        UserError: If the path cannot be one, its links lead round in a circle, or its home folder is nobody's.
    """
    text = name.partition(":")[2]
    try:
        path = Path(text).expanduser()
        if data_dir is not None and not path.exists() and (data_dir / path).exists():
            path = data_dir / path
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"there is no folder '{printable(text)}' ({one_line(error)})") from error
