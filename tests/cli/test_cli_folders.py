"""Folders of images that cannot be trained on: each is one line on stderr and exit status 2, and nothing is written."""

import os
from pathlib import Path

import pytest
from assertions import every
from failing import fails
from odd_folders import BAD, fill

from sasa_nas.cli.app import main
from sasa_nas.data import image_file


@pytest.mark.parametrize("name", BAD)
def test_an_odd_folder_is_named_in_one_line(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    build, words = BAD[name]
    build(tmp_path / "photos")
    out = tmp_path / "run"
    line = fails(capsys, "search", "--space", "tiny", "--dataset", f"imagefolder:{tmp_path / 'photos'}", "--out", out)
    assert every(word in line for word in words), line
    assert not out.exists()


def test_a_folder_that_may_not_be_read_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "photos")
    scandir = os.scandir

    def forbidding(path: str | os.PathLike[str]):  # chmod forbids nothing to root
        if os.fspath(path).endswith("cat"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("sasa_nas.data.image_listing.os.scandir", forbidding)
    line = fails(capsys, "search", "--space", "tiny", "--dataset", f"imagefolder:{tmp_path / 'photos'}")
    assert "cannot list the folder" in line
    assert "photos/cat' (Permission denied)" in line


def test_a_dry_run_opens_a_few_files_and_decodes_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "photos", count=40)
    opened: list[Path] = []
    whole = image_file._opened
    monkeypatch.setattr(image_file, "_opened", lambda path: opened.append(path) or whole(path))
    monkeypatch.setattr("sasa_nas.data.decoded.decode", lambda *_: pytest.fail("images are decoded"))
    wanted = ["search", "--space", "tiny", "--dataset", f"imagefolder:{tmp_path / 'photos'}", "--dry-run", "4"]
    assert main(wanted) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert 0 < len(opened) <= 16


@pytest.mark.parametrize(
    ("count", "words"), [(1_000_000, "more than 'digits' has to train on: 1,078"), (9, "each of the 10 classes")]
)
def test_a_subset_that_cannot_be_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, count: int, words: str
) -> None:
    out = tmp_path / "run"
    assert words in fails(capsys, "search", "--space", "tiny", "--train-images", count, "--out", out)
    assert words in fails(capsys, "train", "resnet18", "--dataset", "digits", "--train-images", count, "--out", out)
    table = ("table", "--space", "tiny", "--train-images", count, "--out", out / "t.json.gz", "--workers", 1)
    assert words in fails(capsys, *table)
    assert not out.exists()
