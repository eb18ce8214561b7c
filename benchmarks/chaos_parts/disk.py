"""A disk of a few megabytes that can be filled: a file system in memory, mounted for this process and its children."""

import ctypes
import os
import subprocess
from pathlib import Path

BYTES = 8 * 2**20
_NEW_NAMESPACE = 0x20000


class SmallDisk:
    """A mounted disk.

    Args:
        place: An empty folder.

    Raises:
        OSError: If it cannot be mounted.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"
        _mount("-t", "tmpfs", "-o", f"size={BYTES}", "tmpfs", str(place))

    def fill(self) -> None:
        """Leave no byte free."""
        handle = os.open(self._filler, os.O_CREAT | os.O_WRONLY)
        try:
            for size in (2**16, 2**12, 1):
                try:
                    while True:
                        os.write(handle, bytes(size))
                except OSError:
                    continue
        finally:
            os.close(handle)

    def make_room(self) -> None:
        """Undo `fill`."""
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it; what is on it is gone."""
        subprocess.run(["umount", "--lazy", str(self.place)], check=False, capture_output=True)


def allowed() -> bool:
    """Return whether small disks can be mounted here; mounts made from now on end with this process."""
    if os.geteuid() != 0 or ctypes.CDLL(None).unshare(_NEW_NAMESPACE) != 0:
        return False
    try:
        _mount("--make-rprivate", "/")
    except OSError:
        return False
    return True


def _mount(*words: str) -> None:
    try:
        subprocess.run(["mount", *words], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise OSError(error.stderr.decode(errors="replace").strip()) from error
