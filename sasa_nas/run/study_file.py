"""Opens a run's study.db, for reading alone or for writing while others read."""

import functools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.exc import DBAPIError

from sasa_nas.errors import UserError, one_line
from sasa_nas.run.folder import RunFolder
from sasa_nas.run.study_guard import check_study, tame
from sasa_nas.run.study_tables import PATIENCE, connect_to_read

LOCAL = frozenset({"apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"})
"""File systems of one machine alone, by the names that the kernel gives them."""

MOUNTS = Path("/proc/self/mounts")


def read_only_storage(path: Path) -> RDBStorage:
    """The studies in the database at `path`, which SQLite opens for reading alone."""
    connect = functools.partial(connect_to_read, path)
    return RDBStorage("sqlite://", engine_kwargs={"creator": connect}, skip_table_creation=True)


@contextmanager
def writing(folder: RunFolder, *, patience: float = PATIENCE) -> Iterator[RDBStorage]:
    """The studies in a run's study.db for the length of a `with` block, made where there are none.

    On a disk of this machine a write-ahead log lies beside the file: readers and the writer do not wait for each
    other, and a write does not wait for the disk. A killed process loses nothing by that; a power failure may take
    the last writes, and leaves a readable file. On a network's disk, where such a log does not work, SQLite does
    without.

    Args:
        folder: The run's.
        patience: Seconds that a write waits for another program that holds the file.

    Raises:
        UserError: If the file cannot be read or written, or another program holds it for longer.
    """
    path = folder.study.resolve()
    logged = file_system(path) in LOCAL

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=patience)
        try:
            tame(connection)
            connection.set_progress_handler(None, 0)
            if logged:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    try:
        check_study(path)
        storage = RDBStorage("sqlite://", engine_kwargs={"creator": connect})
    # Optuna checks nothing that it reads: of a file that it did not write, it raises errors of every type
    except Exception as error:
        raise (_unusable if is_held(error) else damaged)(folder, error) from error
    try:
        yield storage
    except (StorageInternalError, DBAPIError) as error:
        raise _unusable(folder, error) from error
    finally:
        storage.remove_session()
        storage.engine.dispose()
        _end_log(path)


def is_held(error: BaseException) -> bool:
    """Return whether a database is only held or out of reach for now."""
    inner: BaseException | None = error
    while inner is not None:
        orig = inner.orig if isinstance(inner, DBAPIError) else inner
        # locked, read-only, a full disk, or not to be opened: all that is not the file's own content
        if isinstance(orig, OSError | sqlite3.OperationalError) and "malformed" not in str(orig):
            return True
        inner = inner.__cause__
    return False


def damaged(folder: RunFolder, error: BaseException) -> UserError:
    """Return the error of a study.db that cannot be read."""
    return UserError(
        f"{folder.study} is damaged or foreign: {database_reason(error)}; put back a copy of it, or search anew with "
        f"another --out: what was trained to the end stays in {folder.trials}"
    )


def _end_log(path: Path) -> None:
    """Leaves one file, without a log beside it, unless somebody still reads."""
    connection = sqlite3.connect(path, timeout=0.0)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError:
        pass  # a reader, or a full disk: the log stays, and the next session takes it in
    finally:
        connection.close()


def _unusable(folder: RunFolder, error: Exception) -> UserError:
    return UserError(
        f"{folder.study} cannot be written: {database_reason(error)}; end what holds it, or make room on its disk, "
        f"and go on with `sasa-nas resume {folder.path}`"
    )


def database_reason(error: BaseException) -> str:
    """What SQLite says, where Optuna wraps it; else the error's own message."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, DBAPIError) and inner.orig is not None:
            return one_line(inner.orig)[:200]
        inner = inner.__cause__
    return one_line(error)[:200]


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kernel's name of the file system that `path` lies, or would lie, on; None where it cannot be known.

    Args:
        path: Need not exist.
        mounts: The kernel's list of what is mounted where.
    """
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return None
    places = {Path(place.replace(r"\040", " ")): kind for _, place, kind, *_ in lines}
    resolved = path.resolve()
    return next((places[place] for place in (resolved, *resolved.parents) if place in places), None)
