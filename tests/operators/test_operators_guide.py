"""The guide to operators of one's own, followed to the letter."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sasa_nas.cli.app import main
from sasa_nas.operators.plugins import unload_operators
from sasa_nas.testing import OPERATOR_CHECKS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == language]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The guide's files, in the working directory."""
    (tmp_path / "my_operators.py").write_text(blocks("python")[0], encoding="utf-8")
    (tmp_path / "test_mine.py").write_text(blocks("python")[1], encoding="utf-8")
    (tmp_path / "my_space.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    unload_operators("my_operators")


def test_every_check_is_explained() -> None:
    for check in OPERATOR_CHECKS:
        assert f"| {check.name} | {check.meaning} | {check.scope} |" in GUIDE


@pytest.mark.slow
def test_its_commands_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [line.split()[1:] for block in blocks("") for line in block.splitlines() if line.startswith("sasa-nas")]
    assert [command[0] for command in commands] == ["check-operator", "search"]
    for command in commands:
        assert main(command) == 0, capsys.readouterr().err
    assert "0 failed" in capsys.readouterr().out


@pytest.mark.slow
def test_its_test_file_passes(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "shape or data", "test_mine.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
