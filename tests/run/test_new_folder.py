from pathlib import Path

import pytest
from assertions import every
from filelock import FileLock

from sasa_nas.errors import UserError
from sasa_nas.run.new_folder import default_folder, require_new, sole_writer, unwritable


def test_a_default_folder_is_never_one_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seen = set()
    for _ in range(5):
        path = default_folder("tiny")
        assert path.parent == Path("runs")
        assert path.name.startswith("tiny-")
        path.mkdir(parents=True)
        seen.add(path)
    assert len(seen) == 5


@pytest.mark.parametrize("there", [False, True])
def test_a_new_or_empty_folder_passes_and_nothing_is_left(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "new"
    if there:
        path.mkdir()
    require_new(path)
    assert [file.name for file in tmp_path.rglob("*")] == (["new"] if there else [])


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="not empty; choose another --out"):
        require_new(tmp_path)


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be written: Not a directory; choose another --out"):
        require_new(tmp_path / "file" / "run")


def test_two_writers_exclude_each_other(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    with (
        FileLock(lock),
        pytest.raises(UserError, match=r"another process is writing .* end it and `sasa-nas resume it`"),
        sole_writer(tmp_path, lock, "sasa-nas resume it"),
    ):
        pass
    with sole_writer(tmp_path, lock, "sasa-nas resume it"):
        assert lock.exists()


def test_a_full_disk_under_a_writer_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"cannot be written: No space left on device; .* `sasa-nas resume it`"),
        sole_writer(tmp_path, tmp_path / ".lock", "sasa-nas resume it"),
    ):
        raise OSError(28, "No space left on device")


def test_a_reason_is_named_where_the_system_gives_none() -> None:
    assert unwritable(Path("here"), OSError("half a disk")) == "here cannot be written: half a disk"


def test_what_killed_processes_left_half_written_goes_before_and_after(tmp_path: Path) -> None:
    trial = tmp_path / "trials" / "0003"
    trial.mkdir(parents=True)
    left = [tmp_path / ".run.json.abcd_123.json", trial / ".checkpoint.pt.k2j4h5g6.pt"]
    # another program's, a page that somebody else writes just now, and names of no such form
    stays = [tmp_path / ".DS_Store", tmp_path / ".report.html.abcd_123.html", trial / ".hidden.pt"]
    for path in (*left, *stays):
        path.write_bytes(b"half")
    with sole_writer(tmp_path, tmp_path / ".lock", "sasa-nas resume it"):
        assert not any(path.exists() for path in left)
        left[1].write_bytes(b"a worker that was killed")
    assert not any(path.exists() for path in left)
    assert every(path.exists() for path in stays)
