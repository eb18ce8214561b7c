from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from sasa_nas.errors import UserError
from sasa_nas.searching.storage import Storage, StorageError, StoredFolder


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A folder that is not there yet."""
    yield f"{request.param}://{tmp_path}/bucket/run"
    MemoryFileSystem.store.clear()


class Troubled(MemoryFileSystem):
    """A storage in which whatever is read or written raises `error`."""

    protocol = "troubled"
    cachable = False
    error: Exception = OSError()

    def _open(self, *args: Any, **options: Any) -> Any:
        raise self.error

    def pipe_file(self, *args: Any, **options: Any) -> Any:
        raise self.error

    def ls(self, *args: Any, **options: Any) -> Any:
        raise self.error


@pytest.fixture
def troubled(monkeypatch: pytest.MonkeyPatch) -> type[Troubled]:
    fsspec.register_implementation("troubled", Troubled, clobber=True)
    monkeypatch.setattr(Troubled, "error", OSError())
    return Troubled


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_what_one_machine_pushes_another_fetches(url: str, tmp_path: Path) -> None:
    StoredFolder(f"{url}/0003", write(tmp_path / "here", metrics="1", weights="w")).push()
    write(tmp_path / "here", **{".metrics.half": "1"})
    there = StoredFolder(f"{url}/0003", tmp_path / "there")
    there.fetch(without={"weights"})
    assert texts(tmp_path / "there") == {"metrics": "1"}
    there.fetch()
    assert texts(tmp_path / "there") == {"metrics": "1", "weights": "w"}
    assert Storage(url).folders() == ["0003"]


def test_only_what_changed_is_sent_and_what_was_renamed_is_not(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    put = Storage.put

    def noting(storage: Storage, local: Path, name: str) -> None:
        sent.append(name)
        put(storage, local, name)

    monkeypatch.setattr(Storage, "put", noting)
    local = tmp_path / "here"
    folder = StoredFolder(url, write(local, architecture="a"))
    rounds = []
    for epoch in "123":
        if (local / "checkpoint").exists():
            (local / "checkpoint").replace(local / "earlier")
        write(local, checkpoint=epoch)
        folder.push()
        rounds.append(sorted(sent))
        sent.clear()
    assert rounds == [["architecture", "checkpoint"], ["checkpoint"], ["checkpoint"]]
    StoredFolder(url, tmp_path / "there").fetch()
    assert texts(tmp_path / "there") == {"architecture": "a", "checkpoint": "3", "earlier": "2"}


def test_what_was_fetched_is_not_sent_back(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    StoredFolder(url, write(tmp_path / "here", metrics="1")).push()
    there = StoredFolder(url, tmp_path / "there")
    there.fetch()
    monkeypatch.setattr(Storage, "put", lambda *arguments: pytest.fail("sent"))
    there.push()


def test_a_folder_is_removed_and_its_neighbours_stay(url: str, tmp_path: Path) -> None:
    local = write(tmp_path / "here", metrics="1")
    for name in ("0003", "00030"):
        StoredFolder(f"{url}/{name}", local).push()
    for _ in range(2):  # what is gone is gone
        StoredFolder(f"{url}/0003", local).remove()
    assert Storage(url).folders() == ["00030"]
    assert texts(local) == {"metrics": "1"}


def test_a_check_leaves_nothing_and_sees_what_lies_there(url: str, tmp_path: Path) -> None:
    storage = Storage(url + "/")
    storage.check(new=True)
    storage.check(new=True)
    assert storage.names() == []
    StoredFolder(url, write(tmp_path / "here", thesis="1")).push()
    storage.check(new=False)
    with pytest.raises(UserError, match=f"{url} is not empty; choose another folder for --storage"):
        storage.check(new=True)
    assert storage.names() == ["thesis"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("/shared/runs", "is no URL of a folder such as s3://bucket"),
        ("s3://", "is no URL of a folder"),
        ("memory://runs/*", "is no URL of a folder"),
        ("file://runs/first", "does not say from where on: write file:///"),
        ("carrier-pigeon://coop/first", "carrier-pigeon://coop/first cannot be used: .*carrier-pigeon"),
        ("absent://bucket/first", "needs a package that is not installed here: Install absentfs; install it on"),
    ],
)
def test_a_url_that_is_of_no_use_is_one_line(url: str, message: str) -> None:
    fsspec.register_implementation("absent", "no_such_package.FileSystem", clobber=True, errtxt="Install absentfs")
    with pytest.raises(UserError, match=message):
        Storage(url)


@pytest.mark.parametrize(
    "error", [FileNotFoundError("The specified bucket does not exist"), PermissionError("Forbidden"), ValueError("odd")]
)
def test_a_storage_that_cannot_be_written_says_why(troubled: type[Troubled], error: Exception) -> None:
    troubled.error = error
    with pytest.raises(UserError, match=f"troubled://bucket/x cannot be used: {type(error).__name__}: {error}; see"):
        Storage("troubled://bucket/x").check(new=True)


def test_later_what_is_forbidden_is_a_persons_and_all_else_may_pass(troubled: type[Troubled], tmp_path: Path) -> None:
    folder = StoredFolder("troubled://bucket/x", write(tmp_path / "here", metrics="1"))
    troubled.error = ConnectionError("reset by peer")
    with pytest.raises(StorageError, match="troubled://bucket/x cannot be read or written: ConnectionError: reset"):
        folder.push()
    troubled.error = PermissionError("Access Denied")
    with pytest.raises(UserError, match="PermissionError: Access Denied"):
        folder.fetch()
