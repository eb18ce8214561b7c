"""Files appear whole or not at all."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sasa_nas.errors import one_line
from sasa_nas.files import (
    MOST_FOLDERS,
    is_own_file,
    make_directory,
    private_cache,
    write_atomically,
    write_text,
)


@pytest.fixture
def umask() -> Iterator[int]:
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def test_text_is_utf_8(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "κ = 0.25\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xce\xba = 0.25\n"


def test_content_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old and long")
    write_text(tmp_path / "a.txt", "new")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "new"


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match="no regular file"):
            write_text(tmp_path / name, "new")
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "pipe"]


def test_folders_are_not_made_thousands_deep(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    with pytest.raises(OSError, match=f"more than {MOST_FOLDERS} folders"):
        make_directory(tmp_path.joinpath(*["c"] * 2000))
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("old", ["old", None])
def test_a_failure_leaves_what_there_was(tmp_path: Path, old: str | None, error: type[BaseException]) -> None:
    file = tmp_path / "a.txt"
    if old is not None:
        file.write_text(old)

    def half(temporary: Path) -> None:
        temporary.write_text("ne")
        raise error

    with pytest.raises(error):
        write_atomically(file, half)
    assert [path.read_text() for path in tmp_path.iterdir()] == ([old] if old is not None else [])


def test_the_target_is_whole_while_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    file.write_text("old")

    def write(temporary: Path) -> None:
        assert temporary.parent == tmp_path
        # numpy and matplotlib choose the format by the suffix
        assert temporary.suffix == ".npz"
        assert temporary != file
        temporary.write_text("new")
        assert file.read_text() == "old"

    write_atomically(file, write)
    assert file.read_text() == "new"


def test_a_folder_in_the_way_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match=r".+"):
        write_text(tmp_path / "a", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "none" / "a.txt", "text")


def test_files_have_the_usual_mode(tmp_path: Path, umask: int) -> None:
    write_text(tmp_path / "a.txt", "text")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o666 & ~umask
    assert os.umask(umask) == umask


def test_messages_become_one_line() -> None:
    assert one_line(ValueError("two\n  lines")) == "two lines"
    assert one_line(KeyError()) == "KeyError"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that XDG_CACHE_HOME names."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_cache_is_its_users_alone(cache: Path) -> None:
    assert private_cache("a", "b") == cache / "sasa-nas" / "a" / "b"
    assert [mode(cache / "sasa-nas" / part) for part in ("", "a", "a/b")] == [0o700] * 3
    # a group may have been let in by an earlier version
    (cache / "sasa-nas").chmod(0o775)
    private_cache("a")
    assert mode(cache / "sasa-nas") == 0o700


def test_a_cache_of_another_user_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "sasa-nas").mkdir(parents=True, mode=0o777)
    monkeypatch.setattr(os, "geteuid", lambda: (cache / "sasa-nas").stat().st_uid + 1)
    with pytest.raises(PermissionError, match="another user's"):
        private_cache("a")
    assert not (cache / "sasa-nas" / "a").exists()


def test_a_cache_lies_where_nobody_else_can_replace_it(cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(PermissionError, match="any user may write there"):
        private_cache()
    cache.chmod(0o1777)  # as /tmp
    private_cache()


def test_a_file_that_others_may_write_is_not_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").touch(mode=0o600)
    assert is_own_file((tmp_path / "a").stat())
    (tmp_path / "a").chmod(0o620)
    assert not is_own_file((tmp_path / "a").stat())
    (tmp_path / "a").chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / "a").stat().st_uid + 1)
    assert not is_own_file((tmp_path / "a").stat())
