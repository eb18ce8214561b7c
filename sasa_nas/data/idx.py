"""The idx format of MNIST and its successors (http://yann.lecun.com/exdb/mnist/), plain or gzip'ed."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sasa_nas.errors import UserError, one_line

_UNSIGNED_BYTE = 0x08


def find_idx(name: str, folders: tuple[Path, ...]) -> Path | None:
    """Return the first of `folders` / `name` and `folders` / `name`.gz that is a file."""
    for folder in folders:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def read_idx(path: Path, *, ndim: int) -> npt.NDArray[np.uint8]:
    """Read an array of unsigned bytes.

    Args:
        path: Its bytes: two zeros, the type's code, the number of axes, each axis's length as a big-endian
            32-bit integer, then the elements in row-major order. Gzip'ed if its name ends in `.gz`.
        ndim: Required number of axes.

    Returns:
        A writable array with these axes.

    Raises:
        UserError: If the file cannot be read or is not such an array.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"cannot read '{path}' ({one_line(error)}); get the file anew") from error
    start = 4 + 4 * ndim
    if len(content) < start or content[:4] != bytes((0, 0, _UNSIGNED_BYTE, ndim)):
        raise UserError(f"'{path}' is not an idx file of bytes with {ndim} axes; get the file anew")
    shape = tuple(int(length) for length in np.frombuffer(content, dtype=">u4", count=ndim, offset=4))
    expected = int(np.prod(shape, dtype=np.int64))
    if len(content) - start != expected:
        raise UserError(f"'{path}' is damaged: {len(content) - start} bytes instead of {expected}; get the file anew")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape).copy()
