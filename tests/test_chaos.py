"""Rounds of `benchmarks/chaos.py`: searches and retrainings that are struck, gone on with, and compared."""

import json
import sys
from pathlib import Path

import pytest
from chaos_parts import damage
from chaos_parts.oracle import Trial, changed, kept_for_ever, leftovers, one_line, read_trials, unfinished
from chaos_parts.scenario import Kind, draw
from chaos_parts.watch import EpochLog
from forked import run_forked

CHAOS = Path(__file__).parent.parent / "benchmarks" / "chaos.py"

ROUNDS = {
    25: ("formula", Kind.KILL_DRIVER),
    31: ("formula", Kind.FILL),
    77: ("formula", Kind.FILL),
    94: ("formula", Kind.HANG_UP),
    380: ("search", Kind.KILL_WORKER),
    190: ("search", Kind.KILL_RAYLET),
    177: ("retrain", Kind.HANG_UP),
    178: ("retrain", Kind.TEAR),
    53: ("formula", Kind.TEAR),
}
"""By seed, what happens; by day each has tests of its own: deaths at every write of the study, a killed search, the
deaths of workers, torn files, a full disk, and signals to a search, a training and a process."""


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processes are whose")
@pytest.mark.parametrize("seed", ROUNDS)
def test_a_struck_run_comes_to_what_an_undisturbed_one_does(tmp_path: Path, seed: int) -> None:
    scenario = draw(seed)
    assert (scenario.program, *(strike.kind for strike in scenario.strikes)) == ROUNDS[seed]
    out = tmp_path / "chaos.json"
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(CHAOS.parent.parent)}
    command = [CHAOS, "--rounds", 1, "--seed", seed, "--out", out]
    done = run_forked(command, environment=environment, timeout=580)
    assert done.returncode == 0, done.stdout + done.stderr
    (round_,) = json.loads(out.read_text(encoding="utf-8"))["rounds"]
    assert round_["faults"] == []


def test_a_lost_or_changed_trial_is_seen() -> None:
    trained = Trial({"outcome": "trained", "accuracy": 0.5})
    running = Trial({"outcome": "running"})
    assert changed({0: trained, 1: running}, {0: trained}) == []
    assert changed({0: trained}, {}) == ["trial 0 was finished and is gone"]
    assert changed({0: trained}, {0: Trial(trained.record | {"accuracy": 0.4})}) == [
        "trial 0 was finished and is another now"
    ]
    assert unfinished({0: trained, 1: trained}, 2) == []
    assert unfinished({0: trained, 1: running}, 2) == ["trial 1 is left running", "1 trials are finished, not 2"]


def test_trials_are_read_by_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "trials.jsonl"
    assert read_trials(tmp_path) == {}
    lines = [{"number": 0, "outcome": "running"}, {"number": 1, "outcome": "running"}, {"number": 0, "outcome": "lost"}]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"number": 1, "outc')
    assert {number: trial.record["outcome"] for number, trial in read_trials(tmp_path).items()} == {
        0: "lost",
        1: "running",
    }
    for wrong in ([*lines, lines[0]], lines[1:], [*lines, {"number": 3, "outcome": "lost"}]):
        file.write_text("".join(json.dumps(line) + "\n" for line in wrong))
        with pytest.raises(ValueError, match="trial"):
            read_trials(tmp_path)


def test_an_epoch_trained_twice_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "trials" / "0003" / "metrics.jsonl"
    file.parent.mkdir(parents=True)
    log = EpochLog(tmp_path, "search")
    for seconds in ([0.1], [0.1, 0.2], [0.1, 0.3], [0.1, 0.3, 0.4]):
        rows = [{"epoch": epoch, "seconds_train": time} for epoch, time in enumerate(seconds, 1)]
        new = file.with_name("new")
        new.write_text("".join(json.dumps(row) + "\n" for row in rows))
        new.replace(file)
        log.look()
    assert (log.epochs, dict(log.repeats())) == (3, {"trials/0003": 1})


def test_what_is_left_is_seen(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    assert leftovers(tmp_path) == []
    (tmp_path / ".run.json.abc.json").touch()
    assert leftovers(tmp_path) == [".run.json.abc.json is left"]
    (tmp_path / "t" / "sasa-nas-abc").mkdir(parents=True)
    assert kept_for_ever(tmp_path / "t") == ["sasa-nas-abc is left in the temporary folder"]
    (tmp_path / "t" / "sasa-nas-abc" / ".in-use").touch()  # the next run finds it unlocked
    assert kept_for_ever(tmp_path / "t") == []


def test_only_one_line_of_the_programs_own_is_one_line() -> None:
    assert one_line("run r: 3 trials\nsasa-nas: the disk is full; make room\n") == []
    assert one_line("Traceback (most recent call last):\nsasa-nas: sorry\n")
    assert one_line("sasa-nas: the disk is full\nAborted\n")


def test_files_are_torn_where_they_should_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 2000)
    assert damage.newest(tmp_path) == file
    assert damage.tear(file, 0.5, zeros=True) == 1000
    assert file.read_bytes() == b"x" * 512 + bytes(512) + b"x" * 976
    assert damage.tear(file, 0.25, zeros=False) == 500
    assert file.read_bytes() == b"x" * 500
