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
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from assertions import every

from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, RunFolder, read_trials
from sasa_nas.searching import resume

WORKERS = 2
"""Of the search that is killed; one is enough for those that are asked to end."""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ctrl_c_leaves_a_readable_run_that_a_resume_completes(make_space, tmp_path: Path) -> None:
    space = tmp_path / "space.json"
    space.write_text(json.dumps(make_space(lambda d: d["proxy"]["recipe"].update(epochs=30)).model_dump(mode="json")))
    out = tmp_path / "run"
    process = start_search(space, out, trials=4, workers=1)
    wait_for_epochs(process, out, 1)
    # a terminal sends Ctrl-C to the whole group, Ray's processes included
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert f"resume {out}" in stdout
    before = read_trials(RunFolder(out))
    assert Outcome.RUNNING in {record.outcome for record in before}
    _make_short(out)
    summary = resume(out)
    assert not summary.interrupted
    assert [record.outcome for record in summary.records if record.architecture] == [Outcome.TRAINED] * 4
    begun = [record for record in before if record.outcome is not Outcome.WAITING]
    assert [r.architecture_id for r in summary.records[: len(begun)]] == [r.architecture_id for r in begun]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_search_keeps_to_itself_and_ends_as_after_ctrl_c_if_terminated(
    make_space, tmp_path: Path, short_folder: Path
) -> None:
    space = tmp_path / "space.json"
    space.write_text(json.dumps(make_space(lambda d: d["proxy"]["recipe"].update(epochs=30)).model_dump(mode="json")))
    out = tmp_path / "run"
    process = start_search(space, out, trials=4, workers=1, TMPDIR=str(short_folder))
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


def start_search(space: Path, out: Path, *, trials: int, workers: int, **environment: str) -> subprocess.Popen[str]:
    """Starts a search as a person does, in a process group of its own."""
    command = [sys.executable, "-c", "import sys; from sasa_nas.cli.app import main; sys.exit(main())", "search"]
    return subprocess.Popen(
        [*command, "--space", str(space), "--trials", str(trials), "--workers", str(workers), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a search as a person begins it has no token from elsewhere
        env={name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | environment,
    )


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
def test_a_killed_search_keeps_a_second_one_out_before_and_is_resumed_after(
    make_space, tmp_path: Path, short_folder: Path, notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = 12
    space, out = tmp_path / "space.json", tmp_path / "run"
    data = make_space(lambda d: d["proxy"]["recipe"].update(epochs=epochs)).model_dump(mode="json")
    space.write_text(json.dumps(data))
    process = start_search(space, out, trials=3, workers=WORKERS, TMPDIR=str(short_folder))
    wait_for_epochs(process, out, 2)
    with pytest.raises(UserError, match="another process is writing to"):
        resume(out)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    (leftover,) = short_folder.glob("sasa-nas-*")
    wait_until_nobody_names(leftover)
    before = trained_epochs(out)
    unfinished = {r.number for r in read_trials(RunFolder(out)) if r.outcome is Outcome.RUNNING}
    assert unfinished

    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    summary = resume(out, observer=notes)
    assert not list(short_folder.glob("sasa-nas-*"))
    assert not summary.interrupted
    assert [record.number for record in summary.records] == list(range(len(summary.records)))
    spent = [record for record in summary.records if record.outcome.spent]
    assert [record.outcome for record in spent] == [Outcome.TRAINED] * 3
    assert trained_epochs(out) == {record.number: epochs for record in spent}
    # a training first reports its last epoch once more; what is between that and what was on disk is trained twice
    first = {number: min(r.epoch for r in notes.epochs if r.number == number) for number in unfinished}
    assert sum(max(0, before.get(number, 0) - first[number]) for number in unfinished) <= WORKERS
    assert not list(out.glob("trials/*/checkpoint*"))


def wait_until_nobody_names(path: Path) -> None:
    """Waits for the end of the processes whose command lines name a folder: Ray's and its workers."""
    deadline = time.monotonic() + 60
    while any(str(path).encode() in command for command in command_lines()):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def command_lines() -> Iterator[bytes]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield file.read_bytes()


def _make_short(out: Path) -> None:
    """Lets the rest of an interrupted run train for one epoch, for the test's sake."""
    info = json.loads((out / "run.json").read_text())
    info["space"]["proxy"]["recipe"]["epochs"] = 1
    (out / "run.json").write_text(json.dumps(info))
