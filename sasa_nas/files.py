"""Writes files so that a reader never sees half of one, and knows where what is kept between runs lies."""

import os
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.(json|jsonl|pt|safetensors|txt|py)")
"""The names that `write_atomically` gives to a run's files while it fills them."""


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


def remove_temporaries(folder: Path) -> None:
    """Removes what killed processes left half-written of a run's or a training's files, anywhere in its folder.

    Args:
        folder: Nobody writes to it now. Others may write pages and pictures beside a run's files: theirs stay.
    """
    for path in folder.rglob(".*"):
        if is_temporary(path) and path.is_file() and not path.is_symlink():
            with suppress(OSError):
                path.unlink()


def is_temporary(path: Path) -> bool:
    """Whether a file is one of a run's that `write_atomically` fills, or was to fill, by its name."""
    return _TEMPORARY.fullmatch(path.name) is not None


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
