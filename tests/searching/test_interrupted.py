"""Searches that are stopped in the middle, as real processes: each starts Ray."""

import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from assertions import every

from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, RunFolder, read_trials
from sasa_nas.scratch import LOCK
from sasa_nas.searching import resume

Start = Callable[..., subprocess.Popen[str]]

EPOCHS = 12
"""Of each trial: enough for a search to be struck twice in the middle of one."""


@pytest.mark.night  # by day a signal to one process is tests/cli/test_signals.py's
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_search_keeps_to_itself_and_ends_as_after_ctrl_c_if_terminated(
    start: Start, make_space, tmp_path: Path, short_folder: Path
) -> None:
    process, out = start_search(start, make_space, tmp_path, TMPDIR=str(short_folder))
    wait_for_epochs(process, out, 1)
    (scratch,) = short_folder.glob("sasa-nas-*")
    assert scratch.stat().st_mode & 0o077 == 0
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    ports = {c.laddr for one in family for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    tokens = {token for one in family[1:] if (token := one.environ().get("RAY_AUTH_TOKEN"))}
    process.terminate()
    stdout, stderr = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "SIGTERM" not in stderr
    assert "Traceback" not in stderr
    assert f"resume {out}" in stdout
    assert Outcome.RUNNING in {record.outcome for record in read_trials(RunFolder(out))}
    # other machines reach nothing of its Ray, other users of this one are asked for a token that lies in no file
    assert len(ports) >= 4
    assert every(ipaddress.ip_address(ip.removeprefix("::ffff:")).is_loopback for ip, _ in ports), ports
    assert [len(token) for token in tokens] == [64]


def start_search(start: Start, make_space, tmp_path: Path, **environment: str) -> tuple[subprocess.Popen[str], Path]:
    """Starts a search of two trials; returns its process and its folder."""
    space, out = tmp_path / "space.json", tmp_path / "run"
    data = make_space(lambda d: d["proxy"]["recipe"].update(epochs=EPOCHS)).model_dump(mode="json")
    space.write_text(json.dumps(data))
    words = ("search", "--space", str(space), "--trials", "2", "--workers", "1", "--out", str(out))
    return start(*words, **environment), out


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a command as a person does, in a process group of its own; where its test fails, it goes no further."""
    started: list[subprocess.Popen[str]] = []

    def start_one(*words: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", "import sys; from sasa_nas.cli.app import main; sys.exit(main())", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # a search as a person begins it has no token from elsewhere
            env={name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | environment,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for_epochs(process: subprocess.Popen[str], out: Path, epochs: int) -> None:
    """Waits until a training has so many."""
    deadline = time.monotonic() + 200
    while max(trained_epochs(out).values(), default=0) < epochs:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)


def trained_epochs(out: Path) -> dict[int, int]:
    """How many epochs each trial has on disk."""
    files = out.glob("trials/*/metrics.jsonl")
    return {int(file.parent.name): len(file.read_text().splitlines()) for file in files}


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A temporary folder for Ray, whose sockets want a short path."""
    path = Path(tempfile.mkdtemp(prefix="t-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_search_that_is_interrupted_and_then_killed_is_completed(
    start: Start, make_space, tmp_path: Path, short_folder: Path, notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, out = start_search(start, make_space, tmp_path, TMPDIR=str(short_folder))
    wait_for_epochs(process, out, 1)
    # a terminal sends Ctrl-C to the whole group, Ray's processes included
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert f"resume {out}" in stdout
    interrupted = read_trials(RunFolder(out))
    assert Outcome.RUNNING in {record.outcome for record in interrupted}

    process = start("resume", str(out), TMPDIR=str(short_folder))
    wait_for_epochs(process, out, max(trained_epochs(out).values()) + 2)
    with pytest.raises(UserError, match="another process is writing to"):
        resume(out)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    (leftover,) = short_folder.glob("sasa-nas-*")
    wait_until_nobody_names(leftover)
    before = trained_epochs(out)
    (unfinished,) = (r.number for r in read_trials(RunFolder(out)) if r.outcome is Outcome.RUNNING)

    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    summary = resume(out, observer=notes)
    # the folder itself goes a minute after it was emptied
    assert {path.name for folder in short_folder.glob("sasa-nas-*") for path in folder.iterdir()} <= {LOCK}
    assert not summary.interrupted
    assert [record.number for record in summary.records] == list(range(len(summary.records)))
    spent = [record for record in summary.records if record.outcome.spent]
    assert [record.outcome for record in spent] == [Outcome.TRAINED] * 2
    begun = [record for record in interrupted if record.outcome is not Outcome.WAITING]
    assert [r.architecture_id for r in summary.records[: len(begun)]] == [r.architecture_id for r in begun]
    assert trained_epochs(out) == {record.number: EPOCHS for record in spent}
    # a training first reports its last epoch once more; what is between that and what was on disk is trained twice
    first = min(report.epoch for report in notes.epochs if report.number == unfinished)
    assert before.get(unfinished, 0) - first <= 1
    assert not list(out.glob("trials/*/checkpoint*"))


def wait_until_nobody_names(path: Path) -> None:
    """Waits for the end of the processes whose command lines name a folder: Ray's and its workers.

    Ray 2.52's agents look for the process that they belong to for a minute.
    """
    deadline = time.monotonic() + 120
    while any(str(path).encode() in command for command in command_lines()):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def command_lines() -> Iterator[bytes]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield file.read_bytes()
