"""Names of the user's own data sets by folder, such as `imagefolder:PATH`."""

from pathlib import Path

from sasa_nas.errors import UserError, one_line, printable
from sasa_nas.sharing import from_home, home_relative
from sasa_nas.tasks import CLASSIFICATION, TASKS

FOLDER_PREFIX = CLASSIFICATION.folder
"""Prefix of the name of a folder of images, with one folder per class."""


def names_folder(name: str) -> bool:
    """Return True if a data set's name is that of a folder."""
    return name.startswith(tuple(task.folder for task in TASKS.values()))


def name_of(kind: str, folder: Path) -> str:
    """Return the name of a data set by its folder's absolute path, from `~` on if possible; see `folder_of`."""
    return f"{kind}{home_relative(folder)}"


def absolute_name(name: str) -> str:
    """Return a data set's name with the path in it from the root on, for processes of other users."""
    kind, colon, path = name.partition(":")
    return f"{kind}{colon}{from_home(Path(path))}" if path.startswith("~") else name


def settled_name(name: str, data_dir: Path | None) -> str:
    """Return a data set's name for records, with the absolute path of a folder.

    Args:
        name: Name of a data set of any task.
        data_dir: Folder of data sets, for a relative path.

    Raises:
        UserError: See `folder_of`.
    """
    return name_of(f"{name.partition(':')[0]}:", folder_of(name, data_dir)) if names_folder(name) else name


def folder_of(name: str, data_dir: Path | None) -> Path:
    """Return the absolute path in a data set's name.

    Args:
        name: Kind of folder, a colon, and the path; a relative one is looked for in the working directory and then
            in `data_dir`.
        data_dir: Folder of data sets.

    Raises:
        UserError: If the path is invalid, has a loop of links, or begins with an unknown user's home folder.
    """
    text = name.partition(":")[2]
    try:
        path = Path(text).expanduser()
        if data_dir is not None and not path.exists() and (data_dir / path).exists():
            path = data_dir / path
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"there is no folder '{printable(text)}' ({one_line(error)})") from error
