"""Paths in a folder that may be a stranger's."""

import errno
from pathlib import Path

from sasa_nas.files import UnfitFile


def no_link(path: Path) -> Path:
    """Return a path that a tool is to write to, unless it is a link, which could lead anywhere.

    Raises:
        UnfitFile: If it is a link.
    """
    if path.is_symlink():
        raise UnfitFile(errno.ELOOP, "it is a symbolic link", str(path))
    return path
