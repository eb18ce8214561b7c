"""Writes files so that a reader never sees half of one, and knows where what is kept between runs lies."""

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill a temporary file beside `path`, then renames it to `path`.

    Whatever goes wrong, `path` holds either what it held before or all of the new content.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def cache_folder() -> Path:
    """Return the folder of what is kept between runs, `sasa-nas` in the user's cache folder; it may not exist yet."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "sasa-nas"


def private_cache(*names: str) -> Path:
    """Make a folder in `cache_folder()` that no other user can write to, unless it is there, and return it.

    What lies there may be executed, or is believed without another look.

    Args:
        names: Of the folder, and of those in between.

    Raises:
        PermissionError: If one of them, or the cache folder, is another user's, or any user could put something in its
            place.
        OSError: If it cannot be made.
    """
    folder = cache_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    around = folder.parent.stat()
    if _HAS_OWNERS and around.st_mode & stat.S_IWOTH and not around.st_mode & stat.S_ISVTX:
        raise PermissionError(errno.EPERM, "any user may write there", str(folder.parent))
    make_private(folder)
    for name in names:
        folder /= name
        make_private(folder)
    return folder


_HAS_OWNERS = hasattr(os, "geteuid")
"""Windows has no such owners and modes; a user's own folders are closed to others there."""


def make_private(folder: Path) -> None:
    """Make a folder that only this user can write to, in one that exists; if it is there, see to it that it is such.

    Raises:
        PermissionError: If it is another user's.
        OSError: If it cannot be made.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat()
    if not _HAS_OWNERS:
        return
    if status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it is another user's", str(folder))
    if status.st_mode & 0o022:  # made by an earlier version, under a umask that lets a group write
        folder.chmod(0o700)


def is_own_file(status: os.stat_result) -> bool:
    """Return whether a file is one that only this user can have written."""
    return not _HAS_OWNERS or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)


def decoded_images_folder() -> Path:
    """Return the folder of decoded images, which any process may map and anybody may delete; not made yet."""
    return cache_folder() / "images"


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path` as UTF-8, whole or not at all."""
    write_atomically(path, lambda temporary: _write(temporary, text.encode()))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path`, whole or not at all."""
    write_atomically(path, lambda temporary: _write(temporary, content))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
