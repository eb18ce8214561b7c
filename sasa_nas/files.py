"""Writes files so that a reader never sees half of one, and knows where what is kept between runs lies."""

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill a temporary file beside `path`, then renames it to `path`.

    Whatever goes wrong, `path` holds either what it held before or all of the new content.

    Raises:
        OSError: If the file cannot be written, or a device, a pipe or a folder has its place.
    """
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "it is there, and no regular file", str(path))
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


MOST_FOLDERS = 100
"""Folders inside one another that `make_directory` makes, at most."""


def make_directory(path: Path) -> None:
    """Make a folder and those around it; one that is there is left as it is.

    Raises:
        OSError: If it cannot be made, or lies in more than `MOST_FOLDERS` others.
    """
    if len(path.parts) > MOST_FOLDERS:
        raise OSError(errno.ENAMETOOLONG, f"it lies in more than {MOST_FOLDERS} folders", str(path))
    path.mkdir(parents=True, exist_ok=True)


def cache_folder() -> Path:
    """Return the folder of what is kept between runs, `sasa-nas` in the user's cache folder; it may not exist yet."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "sasa-nas"


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
