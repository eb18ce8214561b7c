import gc
import os
import signal
import tempfile
from pathlib import Path

import pytest

from sasa_nas import scratch
from sasa_nas.scratch import Scratch, remove_leftovers


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def later(folder: Path) -> None:
    """Set the lock's time as if a minute had passed since the folder was emptied."""
    lock = folder / scratch.LOCK
    then = lock.stat().st_mtime - scratch.LINGERING
    os.utime(lock, (then, then))


def test_it_is_there_until_it_is_closed_or_forgotten(temporary: Path) -> None:
    closed, forgotten = Scratch(), Scratch()
    (closed.path / "file").touch()
    assert closed.path.parent == forgotten.path.parent == temporary
    closed.close()
    closed.close()
    del forgotten
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_one(temporary: Path) -> None:
    child = os.fork()
    if child == 0:
        try:
            theirs = Scratch()
            (theirs.path / "file").touch()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (leftover,) = temporary.iterdir()
    assert (leftover / "file").exists()
    mine = Scratch()
    assert list(leftover.iterdir()) == [leftover / scratch.LOCK]
    later(leftover)
    remove_leftovers()
    assert list(temporary.iterdir()) == [mine.path]


def test_what_is_written_after_a_process_was_killed_goes(temporary: Path) -> None:
    leftover = temporary / "sasa-nas-left"
    leftover.mkdir()
    (leftover / scratch.LOCK).touch()
    later(leftover)  # of no weight: it is not empty
    for _ in range(2):
        (leftover / "r" / "session").mkdir(parents=True)
        remove_leftovers()
        assert list(leftover.iterdir()) == [leftover / scratch.LOCK]
        remove_leftovers()
        assert leftover.exists()
    later(leftover)
    remove_leftovers()
    assert list(temporary.iterdir()) == []


def test_what_is_in_use_stays_in_this_process_and_in_others(temporary: Path) -> None:
    mine = Scratch()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            theirs = Scratch()
            os.write(writer, theirs.path.name.encode())
            signal.pause()
        finally:
            os._exit(1)
    name = os.read(reader, 1000).decode()
    remove_leftovers()
    assert {path.name for path in temporary.iterdir()} == {mine.path.name, name}
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    later(temporary / name)
    remove_leftovers()
    assert list(temporary.iterdir()) == [mine.path]


def test_folders_that_nobody_made_here_stay(temporary: Path) -> None:
    (temporary / "sasa-nas-thesis").mkdir()
    (temporary / "sasa-nas-notes").touch()
    (temporary / "sasa-nas-link").mkdir()
    (temporary / "target").touch()
    (temporary / "sasa-nas-link" / ".in-use").symlink_to(temporary / "target")
    remove_leftovers()
    assert len(list(temporary.iterdir())) == 4


def test_sockets_get_a_short_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / "job" / "12345678"
    short = Path(tempfile.mkdtemp(prefix="s-"))
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setattr(scratch, "SHORT", short)
    assert Scratch().path.parent == long
    sockets = Scratch(for_sockets=True)
    assert sockets.path.parent == short
    sockets.close()
    short.rmdir()
    # where there is no such folder, it is the usual one
    assert Scratch(for_sockets=True).path.parent == long


def test_what_an_interrupt_left_goes_with_the_next_one(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Scratch()
    (mine.path / "sockets").mkdir()

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scratch.shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            mine.close()
    assert list(temporary.iterdir()) == [mine.path]
    os.close(_handle(mine.path))
    remove_leftovers()
    later(mine.path)
    remove_leftovers()
    assert list(temporary.iterdir()) == []


def _handle(folder: Path) -> int:
    """The descriptor by which this process holds a folder's lock; the end of a process would close it."""
    wanted = (folder / scratch.LOCK).stat()
    for name in Path("/proc/self/fd").iterdir():
        try:
            found = os.fstat(int(name.name))
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return int(name.name)
    raise AssertionError("the lock is not held")


def test_what_was_written_meanwhile_goes_with_the_next_one(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Scratch()
    rmdir = Path.rmdir

    def late(folder: Path) -> None:
        (folder / "log").touch()
        rmdir(folder)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rmdir", late)
        mine.close()
    assert sorted(path.name for path in mine.path.iterdir()) == [scratch.LOCK, "log"]
    remove_leftovers()
    later(mine.path)
    remove_leftovers()
    assert list(temporary.iterdir()) == []


def test_a_folder_without_a_lock_goes_after_a_day(temporary: Path) -> None:
    old, new, foreign = (temporary / name for name in ("sasa-nas-old", "sasa-nas-new", "other-old"))
    for folder in (old, new, foreign):
        (folder / "r" / "session").mkdir(parents=True)
    for folder in (old, foreign):
        os.utime(folder, (0, 0))
    remove_leftovers()
    assert sorted(path.name for path in temporary.iterdir()) == ["other-old", "sasa-nas-new"]
