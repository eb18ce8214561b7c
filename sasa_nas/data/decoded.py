"""Decoded images in a file of the user's cache folder, mapped into memory by all processes of a machine.

The file holds the pixels, (N, 3, side, side) in bytes, then facts about them as JSON, then the length of the JSON in
eight bytes. It appears under its name only when it is complete, and may be deleted at any time: a process that
has mapped it keeps it. A mapping is read page by page as it is indexed and costs its process no memory of its own.
"""

import fcntl
import hashlib
import json
import mmap
import os
import re
import shutil
import struct
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from sasa_nas.data.image_file import read_pixels
from sasa_nas.errors import UserError, one_line, printable
from sasa_nas.files import decoded_images_folder, make_private

Progress: TypeAlias = Callable[[int, int], None]
"""A callback with the number of decoded images and of all images."""

CHANNELS = 3
_FORMAT = "1"
"""Version of the format, part of every file's name."""
_SUFFIX = ".decoded"
_LENGTH = struct.Struct("<q")
_CHUNK_BYTES = 1 << 22
_CHUNK_IMAGES = 256
_MOST_THREADS = 16
_SPARE_BYTES = 1 << 26
"""Bytes of a disk to leave free."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """Decoded images in shared memory.

    Attributes:
        images: (N, 3, side, side), uint8, read-only.
        facts: Facts about the images, computed when they were decoded.
    """

    images: Tensor
    facts: dict[str, Any]


def decoded_file(folder: Path, files: Sequence[str], side: int, *division: object) -> Path:
    """Return the file of the decoded images of a folder.

    Its name depends on the folder, on the names, sizes and times of the files, on the side and on the division.

    Args:
        folder: Folder of the data set.
        files: Files of all images to decode.
        side: Side of the decoded images, in pixels.
        division: Further values that determine which files are decoded, and their order.

    Raises:
        UserError: If a file is missing.
    """
    digest = hashlib.sha256("\0".join(map(str, (_FORMAT, folder, side, *division))).encode())
    for file in files:
        try:
            status = Path(file).stat()
        except OSError as error:
            raise UserError(f"cannot find the image '{printable(file)}' ({error.strerror})") from error
        # the time of the last change of anything about a file too: an archive may set the other back
        facts = struct.pack("<qqq", status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        digest.update(os.fsencode(file) + b"\0" + facts)
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", folder.name)[:40]
    return decoded_images_folder() / f"{name}-{side}-{digest.hexdigest()[:32]}{_SUFFIX}"


def open_decoded(place: Path, side: int) -> Decoded | None:
    """Map the decoded images at `place`; return None if there is no complete file."""
    try:
        with place.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _LENGTH.size))
            (length,) = _LENGTH.unpack(file.read())
            end = size - _LENGTH.size - length
            file.seek(end)
            facts = json.loads(file.read(length))
            count = facts["count"]
            if end != _bytes(count, side):
                return None
            return Decoded(_mapped(file.fileno(), count, side), facts)
    except (OSError, ValueError, LookupError, TypeError, struct.error):
        return None


def decode(
    place: Path,
    files: Sequence[str],
    side: int,
    describe: Callable[[Tensor], dict[str, Any]],
    progress: Progress | None = None,
) -> Decoded:
    """Decode images into `place`, unless another process does so meanwhile, and map them.

    Args:
        place: The file, from `decoded_file`.
        files: Files of the images, in the order in which they are kept.
        side: Side of the decoded images, in pixels.
        describe: Function that computes the facts to keep with the images.
        progress: Callback for the progress.

    Raises:
        UserError: If an image cannot be read, or the cache folder cannot be written to or is too small.
    """
    try:
        place.parent.parent.mkdir(parents=True, exist_ok=True)
        make_private(place.parent)
        with _exclusive(place) as alone:
            if alone:
                _remove_leftovers(place)
            found = open_decoded(place, side)
            if found is not None:
                return found
            _require_space(place.parent, len(files), side)
            return _decode(place, files, side, describe, progress)
    except OSError as error:
        raise UserError(
            f"cannot keep decoded images in '{printable(place.parent)}' ({error.strerror or one_line(error)}); name "
            "another cache folder by XDG_CACHE_HOME"
        ) from error


def _decode(
    place: Path,
    files: Sequence[str],
    side: int,
    describe: Callable[[Tensor], dict[str, Any]],
    progress: Progress | None,
) -> Decoded:
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(handle, "r+b") as file:
            _write_pixels(file.fileno(), files, side, progress)
            images = _mapped(file.fileno(), len(files), side)
            facts = {"count": len(files), **describe(images)}
            text = json.dumps(facts, separators=(",", ":")).encode()
            _write(file.fileno(), text + _LENGTH.pack(len(text)), _bytes(len(files), side))
            os.fsync(file.fileno())
        # somebody may have emptied the cache folder: these images are mapped all the same
        with suppress(FileNotFoundError):
            Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Decoded(images, facts)


def _write_pixels(handle: int, files: Sequence[str], side: int, progress: Progress | None) -> None:
    """Decode all files in threads, as Pillow releases the interpreter's lock.

    Raises:
        UserError: If an image cannot be read; the message names the first and counts the others.
    """
    step = max(1, min(_CHUNK_IMAGES, _CHUNK_BYTES // _bytes(1, side)))

    def work(start: int) -> tuple[int, list[str]]:
        chunk = files[start : start + step]
        pixels, errors = np.zeros((len(chunk), CHANNELS, side, side), np.uint8), []
        for i, file in enumerate(chunk):
            try:
                pixels[i] = read_pixels(Path(file), channels=CHANNELS, height=side, width=side)
            except UserError as error:
                errors.append(str(error))
        _write(handle, pixels.data.cast("B"), _bytes(start, side))
        return start, errors

    complaints: dict[int, list[str]] = {}
    done = 0
    pool = ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), _MOST_THREADS))
    try:
        # what Pillow warns of on its way (odd EXIF data, huge images) helps nobody to mend 60,000 files
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for future in as_completed([pool.submit(work, start) for start in range(0, len(files), step)]):
                start, errors = future.result()
                if errors:
                    complaints[start] = errors
                done += min(step, len(files) - start)
                if progress is not None and not complaints:
                    progress(done, len(files))
    finally:
        pool.shutdown(cancel_futures=True)
    if complaints:
        more = sum(map(len, complaints.values())) - 1
        raise UserError(complaints[min(complaints)][0] + (f" ({more:,} more cannot be read)" if more else ""))


def _write(handle: int, content: bytes | memoryview, offset: int) -> None:
    """Write all of `content` with system calls, as a full disk kills a process that writes to a mapping."""
    left = memoryview(content)
    while len(left):
        written = os.pwrite(handle, left, offset)
        left, offset = left[written:], offset + written


def _mapped(handle: int, count: int, side: int) -> Tensor:
    shape = (count, CHANNELS, side, side)
    if count == 0:
        return torch.empty(shape, dtype=torch.uint8)
    memory = mmap.mmap(handle, _bytes(count, side), access=mmap.ACCESS_READ)
    # torch warns that it cannot keep anybody from writing to such a tensor; the operating system does
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.frombuffer(memory, dtype=torch.uint8).view(shape)


def _bytes(count: int, side: int) -> int:
    return count * CHANNELS * side * side


@contextmanager
def _exclusive(place: Path) -> Iterator[bool]:
    """Lock the decoding of the same images inside a `with` block; yield False if the disk has no locks."""
    lock = place.with_name(f".{place.name}.lock")
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            yield False
            return
        try:
            yield True
        finally:
            # whoever waits for it finds the images there; who comes now makes a lock of their own
            lock.unlink(missing_ok=True)


def _remove_leftovers(place: Path) -> None:
    """Remove the temporary files of killed processes; the lock is held."""
    for leftover in place.parent.glob(f".{place.name}.*"):
        if leftover.suffix != ".lock":
            leftover.unlink(missing_ok=True)


def _require_space(folder: Path, count: int, side: int) -> None:
    needed, free = _bytes(count, side), shutil.disk_usage(folder).free - _SPARE_BYTES
    if needed > free:
        raise UserError(
            f"{count:,} images of {side}x{side} take {needed / 2**30:.1f} GiB, and '{printable(folder)}' has "
            f"{max(free, 0) / 2**30:.1f} GiB free; use a smaller image size, fewer images, or another cache folder by "
            "XDG_CACHE_HOME"
        )
