"""Damage that a strike does to the files of a run."""

import shutil
from pathlib import Path

BLOCK = 512


def newest(folder: Path) -> Path | None:
    """Return the file under `folder` that was changed last and holds anything; None if there is none."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_size]
    # SQLite's shared memory holds nothing that is kept
    kept = [path for path in files if not path.name.endswith("-shm")]
    return max(kept, key=lambda path: (path.stat().st_mtime_ns, str(path)), default=None)


def tear(path: Path, place: float, *, zeros: bool) -> int:
    """Damage a file as a disk does that loses its power.

    Args:
        path: The file.
        place: Where, as a share of its bytes.
        zeros: Whether a block of zeros is written there; otherwise the file ends there.

    Returns:
        The byte.
    """
    size = path.stat().st_size
    byte = int(place * size)
    with path.open("r+b") as file:
        if zeros:
            start = byte // BLOCK * BLOCK
            file.seek(start)
            file.write(bytes(min(BLOCK, size - start)))
        else:
            file.truncate(byte)
    return byte


def remove(folders: list[Path], place: float) -> Path | None:
    """Remove the one of some folders that `place` picks; None if there is none."""
    if not folders:
        return None
    chosen = folders[int(place * len(folders))]
    shutil.rmtree(chosen, ignore_errors=True)
    return chosen
