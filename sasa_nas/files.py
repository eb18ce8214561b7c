"""Atomic writing of files, safe reading of untrusted ones, and the user's cache folder."""

import errno
import os
import re
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.(json|jsonl|pt|safetensors|txt|py)")
"""Pattern of the names of temporary files that `write_atomically` makes in a run."""


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Fill a temporary file beside `path` by `write`, then rename it to `path`.

    If an error occurs, `path` keeps its old content.

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


EXPORTED_WEIGHTS = "model.safetensors"
"""Name of the weights in an export, as the Hugging Face Hub has it."""


class UnfitFile(OSError):
    """Error that a file is not regular, or too large; `strerror` has the reason."""


LARGEST_RECORD = 2**20
"""Most bytes of run.json, an architecture or a space. Those of long searches have a few tens of kilobytes."""
LARGEST_CURVE = 16 * 2**20
"""Most bytes of a learning curve; an epoch's line has about 200."""
LARGEST_LOG = 2**30
"""Most bytes of a search's trials; one takes about fifteen kilobytes."""
LARGEST_STUDY = 2**30
"""Most bytes of a study.db of earlier versions; a trial takes about five kilobytes."""
LARGEST_STATE = 16 * 2**30
"""Most bytes of weights or of a checkpoint: some billions of parameters."""
LARGEST_TABLE = 2**28
"""Most bytes of a table of trainings, unpacked; one of 20,000 networks has a hundred megabytes."""
LARGEST_ANNOTATIONS = 2**31
"""Most bytes of a data set's annotations; those of COCO's train part have 450 megabytes."""


def read_bytes(path: Path, largest: int, *, follow: bool = False) -> bytes:
    """Return the content of a regular file, without blocking and with bounded memory, whatever is at `path`.

    Args:
        path: The file.
        largest: Most bytes that it may have.
        follow: Whether it may be a symbolic link, as for a path given by the user; a link in an untrusted folder could
            lead anywhere.

    Raises:
        UnfitFile: If it is a link, a pipe, a device or too large.
        OSError: If it is missing, a folder, or cannot be read.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        handle = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnfitFile(error.errno, "it is a symbolic link", str(path)) from error
        raise
    with os.fdopen(handle, "rb") as file:
        _check(path, os.fstat(handle), largest)
        content = file.read(largest + 1)
    if len(content) > largest:
        raise _too_large(path, largest)
    return content


def read_text(path: Path, largest: int, *, follow: bool = False) -> str:
    """Return the content of a regular file of UTF-8; see `read_bytes`.

    Raises:
        OSError: See `read_bytes`.
        UnicodeDecodeError: If it is no UTF-8.
    """
    return read_bytes(path, largest, follow=follow).decode("utf-8")


def check_file(path: Path, largest: int, *, follow: bool = False) -> None:
    """Check that a file, which another library will open, is one that `read_bytes` would read.

    Raises:
        OSError: See `read_bytes`.
    """
    _check(path, path.stat(follow_symlinks=follow), largest)


def _check(path: Path, status: os.stat_result, largest: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        link = stat.S_ISLNK(status.st_mode)
        raise UnfitFile(errno.EINVAL, f"it is {'a symbolic link' if link else 'no regular file'}", str(path))
    if status.st_size > largest:
        raise _too_large(path, largest)


def _too_large(path: Path, largest: int) -> UnfitFile:
    return UnfitFile(errno.EFBIG, f"it has more than {largest:,} bytes", str(path))


def remove_temporaries(folder: Path) -> None:
    """Remove temporary files of killed processes anywhere in the folder of a run or a training.

    Args:
        folder: The folder, to which no process writes a run's files. Temporary pages and figures of others are kept.
    """
    for path in folder.rglob(".*"):
        if is_temporary(path) and path.is_file() and not path.is_symlink():
            with suppress(OSError):
                path.unlink()


def is_temporary(path: Path) -> bool:
    """Return True if a file has the name of a temporary file of `write_atomically`."""
    return _TEMPORARY.fullmatch(path.name) is not None


MOST_FOLDERS = 100
"""Most nested folders of a path that `make_directory` makes."""


def make_directory(path: Path) -> None:
    """Make a folder and its parents, unless it exists.

    Raises:
        OSError: If it cannot be made, or has more than `MOST_FOLDERS` parents.
    """
    if len(path.parts) > MOST_FOLDERS:
        raise OSError(errno.ENAMETOOLONG, f"it lies in more than {MOST_FOLDERS} folders", str(path))
    path.mkdir(parents=True, exist_ok=True)


def cache_folder() -> Path:
    """Return the folder `sasa-nas` in the user's cache folder, which may not exist yet."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "sasa-nas"


def private_cache(*names: str) -> Path:
    """Make a folder in `cache_folder()` that no other user can write to, unless it exists, and return it.

    Its content is trusted and may be executed.

    Args:
        names: Names of the folders in between and of the folder.

    Raises:
        PermissionError: If one of them, or the cache folder, is another user's, or any user could replace it.
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
"""True if files have POSIX owners and modes; on Windows, a user's own folders are closed to others."""


def make_private(folder: Path) -> None:
    """Make a folder that only this user can write to, in an existing one; if it exists, close it to others.

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
    """Return True if only this user can have written a file."""
    return not _HAS_OWNERS or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)


def decoded_images_folder() -> Path:
    """Return the folder of decoded images, which may be deleted at any time and may not exist yet."""
    return cache_folder() / "images"


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically."""
    write_atomically(path, lambda temporary: _write(temporary, text.encode()))


def append_line(path: Path, line: str) -> None:
    """Append a line to a file; it is on the disk when this returns.

    Raises:
        OSError: If it cannot be written.
    """
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, atomically."""
    write_atomically(path, lambda temporary: _write(temporary, content))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
