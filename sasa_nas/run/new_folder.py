"""Makes sure that a folder may be written: it is new, the disk lets us, and nobody else is writing to it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import MOST_FOLDERS, remove_temporaries
from sasa_nas.run.plain import check_lock


class Unwritable(UserError):
    """A folder cannot be written: a full disk, a permission; nothing that is done there is to blame.

    Args:
        path: The folder.
        error: Error of the operating system.
        remedy: Advice at the end of the message.
    """

    def __init__(self, path: Path, error: OSError, remedy: str) -> None:
        self.reason = unwritable(path, error)
        super().__init__(f"{self.reason}; {remedy}")


RUNS = Path("runs")
"""Default parent of new folders."""


def default_folder(name: str) -> Path:
    """`runs/<name>-<time>`, numbered where that is taken."""
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    path = RUNS / f"{name}-{stamp}"
    for i in range(2, 1000):
        if not path.exists():
            break
        path = path.with_name(f"{name}-{stamp}-{i}")
    return path


def require_new(path: Path) -> None:
    """Leaves nothing behind.

    Args:
        path: A folder to be made.

    Raises:
        UserError: If there is something in it already, or it cannot be made there.
    """
    try:
        if path.is_dir() and any(path.iterdir()):
            raise UserError(f"{path} is not empty; choose another --out")
        if len(path.parts) > MOST_FOLDERS:
            raise UserError(f"{path} lies in more than {MOST_FOLDERS} folders; choose another --out")
        nearest = next(place for place in (path, *path.resolve().parents) if place.exists())
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise Unwritable(path, error, "choose another --out") from error


def unwritable(path: Path, error: OSError) -> str:
    """Return that `path` cannot be written, and why."""
    return f"{path} cannot be written: {error.strerror or one_line(error)}"


@contextmanager
def sole_writer(path: Path, lock: Path, go_on: str) -> Iterator[None]:
    """Keep a second process out of a folder for the length of a `with` block; nothing half-written stays in it.

    Args:
        path: The folder.
        lock: The file in it that is locked.
        go_on: The command that goes on with what is done in the folder, for the errors.

    Raises:
        UserError: If another process is writing, or the folder cannot be written.
    """
    check_lock(lock)  # which may truncate what it opens
    try:
        with FileLock(lock, timeout=0):
            remove_temporaries(path)
            try:
                yield
            finally:
                # a worker that died left one, perhaps
                remove_temporaries(path)
    except Timeout as error:
        raise UserError(f"another process is writing to {path}; wait for it, or end it and `{go_on}`") from error
    except OSError as error:
        raise Unwritable(path, error, f"once it can, go on with `{go_on}`") from error
