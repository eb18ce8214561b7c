"""Folders for a process's temporary files, which do not stay behind for ever where it is killed."""

import fcntl
import os
import shutil
import stat
import tempfile
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

PREFIX = "sasa-nas-"
LOCK = ".in-use"
"""The file in such a folder that its process holds locked."""
LINGERING = 60.0
"""Seconds for which a killed process's folder stays, emptied: a worker of its Ray may just start, and make it anew."""
UNLOCKED = 24 * 3600.0
"""Seconds after which a folder without a lock is removed. Its process was killed between making it and locking it, or
Ray has made it anew as the process ended."""

SHORT = Path("/tmp")
"""Folder of sockets if the temporary folder's path is long."""
_LONGEST = 24
"""Bytes of a temporary folder's path for Ray's sockets to be within the 107 that the system allows."""


class Scratch:
    """A folder in the machine's temporary folder that is there for as long as this object.

    What killed processes left of theirs is removed first. Theirs are told from those in use by a lock, which the
    system releases when a process ends, however it ends: the numbers of processes come again, and another container
    that shares the temporary folder has its own.

    Args:
        for_sockets: Whether its path must be short: a scheduler's `TMPDIR` may be as long as it likes.
        at_exit: Whether it is removed with this object, or as the process ends; if not, by one call of `close` alone.
    """

    def __init__(self, *, for_sockets: bool = False, at_exit: bool = True) -> None:
        remove_leftovers()
        usual = Path(tempfile.gettempdir())
        moved = for_sockets and len(os.fsencode(usual)) > _LONGEST and os.access(SHORT, os.W_OK | os.X_OK)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=SHORT if moved else usual))
        remove = partial(_remove, self.path, _locked(self.path))
        # finalizers of weakref do nothing any more when other handlers of the process's end run
        self._remove: Callable[[], object] = weakref.finalize(self, remove) if at_exit else remove

    def close(self) -> None:
        """Remove the folder now."""
        self._remove()


def remove_leftovers() -> None:
    """Remove the folders of processes of this user that are no more.

    They are emptied at once, and themselves removed by a later call, after `LINGERING` seconds without new content:
    without its lock, nobody would find what a process that outlives ours writes there.
    """
    for place in {Path(tempfile.gettempdir()), SHORT}:
        for folder in place.glob(f"{PREFIX}*"):
            with suppress(OSError):  # somebody else's, in use, or gone already
                status = folder.lstat()
                if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                    continue
                if os.path.lexists(folder / LOCK):
                    _clear(folder)
                elif time.time() - status.st_mtime > UNLOCKED:
                    shutil.rmtree(folder, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Empty the folder of a process that is no more, or remove it if it has been empty for long.

    Raises:
        OSError: If it is in use, or its lock is somebody else's.
    """
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        if os.fstat(handle).st_uid != os.geteuid():
            return
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _content(folder):
            _empty(folder)
            os.utime(handle)
        elif time.time() - os.fstat(handle).st_mtime > LINGERING:
            _remove_folder(folder)
    finally:
        os.close(handle)


def _locked(folder: Path) -> int:
    """Make the lock of a folder, which is seen only once it is held, and return the open file."""
    new = folder / f"{LOCK}.new"
    handle = os.open(new, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    new.rename(folder / LOCK)
    return handle


def _remove(folder: Path, lock: int) -> None:
    _remove_folder(folder)
    os.close(lock)


def _remove_folder(folder: Path) -> None:
    """Remove a folder, its lock last: by it the next process finds what an interrupt, or a busy file, has left."""
    with suppress(OSError):
        _empty(folder)
        if not _content(folder):
            (folder / LOCK).unlink()
            try:
                folder.rmdir()
            except OSError:  # a process that is about to end has written to it since: the next one tries again
                (folder / LOCK).touch()


def _content(folder: Path) -> list[Path]:
    """Return what lies in a folder beside its lock."""
    return [path for path in folder.iterdir() if path.name != LOCK]


def _empty(folder: Path) -> None:
    """Remove what lies in a folder beside its lock."""
    for path in _content(folder):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
