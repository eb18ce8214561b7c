"""With what a run was made."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import numpy
import optuna
import pytest
import torch

from sasa_nas.run.provenance import PACKAGES, git_state, versions


def git(*arguments: str) -> str:
    """Runs git as somebody, without anybody's configuration."""
    identity = {f"GIT_{who}_{what}": f"a@{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": os.devnull, **identity}
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True, env=environment).stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    git("init")
    (tmp_path / "file.txt").write_text("one")
    git("add", "file.txt")
    git("commit", "-m", "first")
    return tmp_path


def test_versions_are_those_that_run() -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["optuna"] == optuna.__version__
    assert found["numpy"] == numpy.__version__
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert set(found) <= {"python", *PACKAGES}


def test_a_package_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "triton":
            raise metadata.PackageNotFoundError(package)
        return "1.2"

    monkeypatch.setattr(metadata, "version", version)
    found = versions()
    assert "triton" not in found
    assert found["ray"] == "1.2"


def test_a_clean_repository_is_its_commit(repository: Path) -> None:
    state = git_state()
    assert state == git("rev-parse", "HEAD")[:12]
    (repository / "untracked.txt").write_text("new")
    assert git_state() == state


def test_changes_on_top_are_marked(repository: Path) -> None:
    (repository / "file.txt").write_text("two")
    state = git_state()
    assert state == git("rev-parse", "HEAD")[:12] + "+"
    git("add", "file.txt")
    assert git_state() == state


def test_folders_below_belong_to_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "below").mkdir()
    monkeypatch.chdir(repository / "below")
    assert git_state() == git("rev-parse", "HEAD")[:12]


def test_outside_a_repository_there_is_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state() is None
    git("init")
    assert git_state() is None, "a repository without a commit"


def test_without_git_there_is_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_state() is None
