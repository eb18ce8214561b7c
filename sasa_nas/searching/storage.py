"""A folder behind a URL, through fsspec: where trials' files are kept if workers do not share the driver's disk."""

from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import write_atomically

SCHEME = "://"

Signature = tuple[int, int, int]
"""Signature of a file on this machine: its inode, its size in bytes, and the time of its last change in nanoseconds."""


class StorageError(Exception):
    """The storage did not answer as it should; the message says so in one line. Another machine may have more luck."""


class Storage:
    """A folder behind a URL, such as `s3://bucket/runs/first`; nothing is made or read yet.

    Args:
        url: URL of a folder, of any kind that fsspec knows.

    Raises:
        UserError: If it is no such URL, or the package for its kind is not installed on this machine.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        kind, _, rest = self.url.partition(SCHEME)
        if not rest or any(sign in rest for sign in "*?["):
            raise UserError(f"{url} is no URL of a folder such as s3://bucket/runs/first or gs://bucket/runs/first")
        if kind == "file" and not rest.startswith("/"):
            raise UserError(f"{url} does not say from where on: write file:///..., with three slashes")
        # only on a disk are folders to be made: elsewhere a slip in a bucket's name would make a bucket
        options = {"auto_mkdir": True} if kind == "file" else {}
        try:
            self._files, self._root = fsspec.core.url_to_fs(self.url, use_listings_cache=False, **options)
        except ImportError as error:
            raise UserError(
                f"{url} needs a package that is not installed here: {one_line(error)}; install it on the machine of "
                "the search and on those of its workers"
            ) from error
        except ValueError as error:
            raise UserError(f"{url} cannot be used: {one_line(error)[:200]}") from error

    def check(self, *, new: bool) -> None:
        """Make sure that the folder can be written, and leave nothing there.

        Args:
            new: Whether nothing may lie there yet.

        Raises:
            UserError: If it cannot be read or written, or something lies there that must not.
        """
        marker = f"{self._root}/.sasa-nas"
        try:
            taken = bool(new and self._entries())
            self._files.pipe_file(marker, b"sasa-nas")
            self._files.rm_file(marker)
        # every kind of storage has its own errors
        except Exception as error:
            raise UserError(
                f"{self.url} cannot be used: {type(error).__name__}: {one_line(error)[:200]}; see that it is there, "
                "and that the credentials on this machine allow to read and write it"
            ) from error
        if taken:
            raise UserError(f"{self.url} is not empty; choose another folder for --storage")

    def names(self) -> list[str]:
        """Return the names of the files right in the folder, but for hidden ones.

        Raises:
            StorageError: If it cannot be read.
            UserError: If this machine may not.
        """
        with self.reaching():
            return _names(self._entries(), "file")

    def folders(self) -> list[str]:
        """Return the names of the folders right in it; raises as `names` does."""
        with self.reaching():
            return _names(self._entries(), "directory")

    def get(self, name: str, local: Path) -> None:
        """Copy a file here, whole or not at all; raises as `names` does."""
        with self.reaching():
            write_atomically(local, lambda temporary: self._files.get_file(f"{self._root}/{name}", str(temporary)))

    def put(self, local: Path, name: str) -> None:
        """Copy a file there; raises as `names` does."""
        with self.reaching():
            self._files.put_file(str(local), f"{self._root}/{name}")

    def duplicate(self, name: str, other: str) -> None:
        """Copy a file without its coming by here; raises as `names` does."""
        with self.reaching():
            self._files.cp_file(f"{self._root}/{name}", f"{self._root}/{other}")

    def remove(self) -> None:
        """Remove the folder with all that is in it; raises as `names` does."""
        with self.reaching():
            if self._entries():
                self._files.rm(self._root, recursive=True)

    def _entries(self) -> list[dict[str, str]]:
        try:
            entries: list[dict[str, str]] = self._files.ls(self._root, detail=True)
        except FileNotFoundError:
            return []
        return entries

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Make one error of all that a storage may raise; what is forbidden now is so on every machine."""
        try:
            yield
        except Exception as error:
            message = f"{self.url} cannot be read or written: {type(error).__name__}: {one_line(error)[:200]}"
            raise (UserError if isinstance(error, PermissionError) else StorageError)(message) from error


def _names(entries: list[dict[str, str]], kind: str) -> list[str]:
    found = (entry["name"].rstrip("/").rpartition("/")[2] for entry in entries if entry["type"] == kind)
    return sorted(name for name in found if not name.startswith("."))


class StoredFolder:
    """A folder of plain files in a storage, and its copy on this machine.

    Args:
        url: URL of the folder in the storage.
        local: The copy; made when it is needed.

    Raises:
        UserError: As `Storage`.
    """

    def __init__(self, url: str, local: Path) -> None:
        self._storage = Storage(url)
        self._local = local
        self._kept: dict[str, Signature] = {}
        """The files of the copy that are in the storage as they are here."""

    def fetch(self, *, without: Container[str] = ()) -> None:
        """Brings all files here, but for those with certain names.

        Raises:
            StorageError: If the storage cannot be read.
            UserError: If this machine may not.
        """
        self._local.mkdir(parents=True, exist_ok=True)
        for name in self._storage.names():
            if name not in without:
                self._storage.get(name, self._local / name)
                self._kept[name] = _signature(self._local / name)

    def push(self) -> None:
        """Take there what has changed here; what only has a new name is not sent again.

        Raises:
            StorageError: If the storage cannot be written.
            UserError: If this machine may not.
        """
        now = {path.name: _signature(path) for path in self._local.iterdir() if not path.name.startswith(".")}
        changed = {name: signature for name, signature in now.items() if self._kept.get(name) != signature}
        before = {signature: name for name, signature in self._kept.items()}
        renamed = {name: before[signature] for name, signature in changed.items() if signature in before}
        for name, former in renamed.items():
            self._storage.duplicate(former, name)
        for name in changed.keys() - renamed.keys():
            self._storage.put(self._local / name, name)
        self._kept |= changed

    def remove(self) -> None:
        """Remove the folder from the storage; raises as `push` does."""
        self._storage.remove()


def _signature(path: Path) -> Signature:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
