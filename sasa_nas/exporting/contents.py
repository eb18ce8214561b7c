"""Reading of an export's files: regular files in its folder, up to a size."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from sasa_nas.errors import UserError, one_line, printable

LARGEST_TEXT = 16 << 20
LARGEST_FILE = 2 << 30
"""Most bytes of a file, ONNX's own limit."""


def require_regular(folder: Path, names: Sequence[str], *, largest: int = LARGEST_FILE) -> list[str]:
    """Return the names of those files that a folder has.

    Args:
        folder: An export.
        names: Names of files.
        largest: Bytes that each may have, at most.

    Raises:
        UserError: If one is a folder, a pipe or a device, a link that leaves the export's folder, or too large.
    """
    found = [name for name in names if os.path.lexists(folder / name)]
    for name in found:
        file = folder / name
        try:
            if not file.resolve(strict=True).is_relative_to(folder.resolve(strict=True)):
                raise UserError(f"{printable(file)} is a link to a file elsewhere; put a copy in its place")
            facts = file.stat()
        # what turns in a circle of links is a RuntimeError in older versions of Python
        except (OSError, RuntimeError) as error:
            raise UserError(f"{printable(file)} cannot be read: {one_line(error)}; export again") from error
        if not stat.S_ISREG(facts.st_mode):
            raise UserError(f"{printable(file)} is no regular file; export again")
        if facts.st_size > largest:
            raise UserError(f"{printable(file)} has {facts.st_size:,} bytes, and may have {largest:,}; export again")
    return found


def read_contents(folder: Path, names: Sequence[str], *, largest: int = LARGEST_FILE) -> dict[str, bytes]:
    """Return the contents of those files that a folder has.

    Args:
        folder: An export.
        names: Names of files.
        largest: Bytes that each may have, at most.

    Raises:
        UserError: See `require_regular`, and if a file cannot be read.
    """
    contents = {}
    for name in require_regular(folder, names, largest=largest):
        try:
            # a file that has become a pipe since is opened at once, and then read as nothing
            with open(folder / name, "rb", opener=_open_without_waiting) as file:
                content = file.read(largest + 1) or b""
        except OSError as error:
            raise UserError(f"{printable(folder / name)} cannot be read: {one_line(error)}") from error
        if len(content) > largest:
            raise UserError(f"{printable(folder / name)} is too large; export again")
        contents[name] = content
    return contents


def last_line(output: Path) -> str:
    """Return the last line of a program's output in a file, shortened and printable."""
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return printable(lines[-1])[:200] if lines else ""


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
