"""Links, pipes and folders in place of a run's files: nothing outside the folder is read or written."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_commands import reading_commands, writing_commands

from sasa_nas.errors import UserError
from sasa_nas.files import UnfitFile, check_file, read_bytes, write_text
from sasa_nas.run.new_folder import sole_writer

Ends = Callable[..., int]

READ = ("run.json", "trials.jsonl", "trials", "trials/0000")
"""Files without which nothing can be read of a run."""
WRITTEN = (".lock", ".tune", "retrain")
VIEWS = ("study.journal", "study.journal.lock", "study.db", "study.db-journal", "study.db-wal", "study.db-shm")
"""Files that nothing is read from."""


def put(place: Path, make: Callable[[Path], object]) -> None:
    """Puts something else in a file's or a folder's place."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    make(place)


@pytest.mark.parametrize("name", [*READ, *WRITTEN])
def test_a_link_in_a_run_is_refused_by_all_commands(run: Path, outside: Path, ends: Ends, name: str) -> None:
    target = outside.parent if "." not in name.removeprefix(".") and name != ".lock" else outside
    put(run / name, lambda place: place.symlink_to(target))
    for command in (*reading_commands(run), *writing_commands(run)):
        status = ends(*command)
        # a single trial's folder is read without its run's study
        assert status == 2 or command[0] in ("describe", "attention-map", "evaluate"), command


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("make", ["link", "pipe", "folder"])
def test_other_forms_of_the_trials_are_never_opened(
    run: Path, outside: Path, ends: Ends, formula: None, name: str, make: str
) -> None:
    makers: dict[str, Callable[[Path], object]] = {
        "link": lambda place: place.symlink_to(outside),
        "pipe": os.mkfifo,
        "folder": Path.mkdir,
    }
    put(run / name, makers[make])
    assert ends("pareto", run) == 0
    assert ends("resume", run) == 0


@pytest.mark.parametrize("name", [".lock", "run.json", "trials.jsonl"])
def test_a_pipe_keeps_nobody_waiting(run: Path, ends: Ends, name: str) -> None:
    put(run / name, os.mkfifo)
    for command in (*reading_commands(run), *writing_commands(run)):
        ends(*command)


@pytest.mark.parametrize("name", ["architecture.json", "weights.safetensors", "metrics.jsonl"])
@pytest.mark.parametrize("make", ["link", "pipe", "folder", "device"])
def test_a_trial_of_other_things_than_files(run: Path, outside: Path, ends: Ends, name: str, make: str) -> None:
    makers: dict[str, Callable[[Path], object]] = {
        "link": lambda place: place.symlink_to(outside),
        "pipe": os.mkfifo,
        "folder": Path.mkdir,
        "device": lambda place: place.symlink_to("/dev/zero"),
    }
    put(run / "trials" / "0000" / name, makers[make])
    for command in reading_commands(run):
        ends(*command)
    report = (run / "report.html").read_text()
    assert "TOP-SECRET" not in report


def test_what_is_written_replaces_a_link(run: Path, outside: Path, ends: Ends) -> None:
    for name in ("report.html", "front.svg"):
        (run / name).symlink_to(outside)
    assert ends("report", run) == 0
    assert ends("pareto", run, "--plot", run / "front.svg") == 0
    assert not (run / "report.html").is_symlink()
    assert not (run / "front.svg").is_symlink()


def test_writing_follows_no_link(tmp_path: Path, outside: Path) -> None:
    file = tmp_path / "a.txt"
    file.symlink_to(outside)
    write_text(file, "new")
    assert file.read_text() == "new"


def test_a_lock_that_is_a_link_is_not_opened(tmp_path: Path, outside: Path) -> None:
    lock = tmp_path / ".lock"
    lock.symlink_to(outside)
    with pytest.raises(UserError, match="symbolic link"), sole_writer(tmp_path, lock, "again"):
        pytest.fail("it was taken")


def test_reading_is_bounded(tmp_path: Path) -> None:
    file, link, pipe = (tmp_path / name for name in ("file", "link", "pipe"))
    file.write_bytes(b"12345")
    link.symlink_to(file)
    os.mkfifo(pipe)
    assert read_bytes(file, 5) == read_bytes(link, 5, follow=True) == b"12345"
    for wrong in (lambda: read_bytes(file, 4), lambda: read_bytes(link, 5), lambda: read_bytes(pipe, 5)):
        with pytest.raises(UnfitFile):
            wrong()
    for place in (link, pipe, Path("/dev/zero")):
        with pytest.raises(UnfitFile):
            check_file(place, 5)
    # of a file that does not tell its size
    with pytest.raises(UnfitFile):
        read_bytes(Path("/proc/self/environ"), 4)
