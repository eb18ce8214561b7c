"""Processes that a command starts: they end with it, however it ends, and what it leaves is found."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sasa_nas.scratch import LOCK, Scratch

COMMAND = """
import os, signal, sys, time
from sasa_nas.child_processes import child_context, end_at_once, end_children, ending

def work():
    end_at_once()
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    children = [child_context("json").Process(target=work) for _ in range(2)]
    for child in children:
        child.start()
    if "wait" in sys.argv:
        children[0].join()
    children[0].kill()
    children[0].join()
    end_children(children)
    print(*map(ending, children))
"""


@pytest.fixture
def short_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The machine's temporary folder, of this process, too: sockets want a short path."""
    with tempfile.TemporaryDirectory(prefix="t-") as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def start(folder: Path, script: Path, *words: str) -> subprocess.Popen[str]:
    script.write_text(COMMAND)
    command = [sys.executable, str(script), *words]
    return subprocess.Popen(command, env=os.environ | {"TMPDIR": str(folder)}, stdout=subprocess.PIPE, text=True)


def test_a_command_that_ends_leaves_nothing(short_folder: Path, tmp_path: Path) -> None:
    with start(short_folder, tmp_path / "script.py") as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.splitlines()[-1] == "was killed by SIGKILL was killed by SIGKILL"
    assert list(short_folder.iterdir()) == []


def test_what_a_killed_command_leaves_is_removed_by_the_next(short_folder: Path, tmp_path: Path) -> None:
    with start(short_folder, tmp_path / "script.py", "wait") as process:
        assert process.stdout is not None
        numbers = [int(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while any(map(psutil.pid_exists, numbers)):
        assert time.monotonic() < until
        time.sleep(0.05)
    (left,) = short_folder.iterdir()
    assert left.name.startswith("sasa-nas-")
    assert {path.name for path in left.iterdir()} > {LOCK}
    Scratch().close()
    # the folder itself goes a minute later
    assert {path.name for path in left.iterdir()} == {LOCK}
