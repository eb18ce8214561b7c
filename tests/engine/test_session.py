"""Real searches, few and small: each starts Ray."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sasa_nas.engine import resume, search
from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, RunFolder, SearchSettings, read_info, read_trials

SETTINGS = SearchSettings(trials=3, seed=1, workers=1)
WORKERS = 2


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_same_seed_gives_the_same_run_twice(make_space, tmp_path: Path, notes) -> None:
    first = search(make_space(), SETTINGS, out=tmp_path / "a", observer=notes)
    again = search(make_space(), SETTINGS, out=tmp_path / "b")

    def story(records: list) -> list[tuple]:
        return [(r.number, r.outcome, r.architecture_id, r.accuracy, r.flops) for r in records]

    assert story(first.records) == story(again.records)
    assert Counter(record.outcome for record in first.records)[Outcome.TRAINED] == 3
    assert not first.interrupted
    assert read_trials(first.folder) == first.records
    assert [report.epoch for report in notes.epochs] == [1, 1, 1]
    assert notes.workers == [1]
    # Tune's own files, among them pickles, are gone
    assert sorted(p.name for p in (tmp_path / "a").iterdir() if p.name != ".lock") == ["run.json", "study.db", "trials"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_trial_s_share_is_measured_once_and_kept(make_space, tmp_path: Path, notes) -> None:
    def only_conv(data: dict) -> None:
        data["stages"] = [stage | {"operator": {"kind": "conv"}} for stage in data["stages"]]

    settings = SearchSettings(trials=1, workers=1, auto=("cpus",))
    summary = search(make_space(only_conv), settings, out=tmp_path / "run", observer=notes)
    info = read_info(summary.folder)
    (packing,) = notes.packings
    assert info.packing == packing
    assert len(packing.architecture_ids) == 1
    assert packing.device == "cpu"
    # one trial at a time may have any number of threads
    assert [one.share.trials for one in packing.measured] == [1] * len(packing.measured)
    assert all(one.images_per_second > 0 for one in packing.measured)
    assert info.settings.cpus_per_trial == packing.chosen.share.cpus
    assert [record.outcome for record in summary.records if record.outcome.spent] == [Outcome.TRAINED]
    resume(tmp_path / "run", trials=1, observer=notes)
    assert read_info(summary.folder) == info
    assert len(notes.packings) == 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ctrl_c_leaves_a_readable_run_that_a_resume_completes(make_space, tmp_path: Path) -> None:
    space = tmp_path / "space.json"
    space.write_text(json.dumps(make_space(lambda d: d["proxy"]["recipe"].update(epochs=30)).model_dump(mode="json")))
    out = tmp_path / "run"
    process = start_search(space, out, trials=4)
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


def start_search(space: Path, out: Path, *, trials: int, **environment: str) -> subprocess.Popen[str]:
    """Starts a search as a person does, in a process group of its own."""
    command = [sys.executable, "-c", "import sys; from sasa_nas.cli.app import main; sys.exit(main())", "search"]
    return subprocess.Popen(
        [*command, "--space", str(space), "--trials", str(trials), "--workers", str(WORKERS), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | environment,
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
    process = start_search(space, out, trials=3, TMPDIR=str(short_folder))
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


def test_a_folder_that_holds_something_is_refused(make_space, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="not empty; choose another --out"):
        search(make_space(), SETTINGS, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_holds_a_run_is_not_searched_again(make_space, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UserError, match="already holds a run; go on with it"):
        search(make_space(), SETTINGS, out=tmp_path)


def test_a_folder_that_cannot_be_written_is_named(make_space, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        search(make_space(), SETTINGS, out=tmp_path / "file" / "run")


def test_nothing_is_written_for_a_search_that_cannot_be(make_space, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="max_params=10"):
        search(make_space(lambda data: data.update(limits={"max_params": 10})), SETTINGS, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_resuming_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run"):
        resume(tmp_path)


def test_a_finished_run_is_resumed_without_a_worker(make_run, make_record, make_space, notes) -> None:
    path = make_run([make_record(0, accuracy=0.5, flops=1000)])
    info = read_info(RunFolder(path))
    done = info.model_copy(update={"space": make_space().model_dump(mode="json"), "settings": SearchSettings(trials=1)})
    RunFolder(path).info.write_text(done.model_dump_json())
    summary = resume(path, observer=notes)
    assert not summary.interrupted
    assert notes.workers == []
