import io

import pytest
from rich.console import Console

from sasa_nas.cli.progress import LineObserver, LiveObserver, Tally, trial_line
from sasa_nas.engine.observer import EpochReport, SearchObserver
from sasa_nas.run import Outcome, RunFolder


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=160, markup=False, highlight=False, color_system=None)


def play(observer: SearchObserver, folder: RunFolder, make_record) -> None:
    """Two trials end, one goes on, one was a duplicate; one was done in a session before."""
    observer.search_started(folder, 6, [make_record(0, accuracy=0.9, flops=2_000_000)])
    observer.workers_ready(2)
    for number in (1, 2, 3):
        observer.trial_started(make_record(number))
    observer.epoch_ended(EpochReport(number=3, epoch=2, epochs=4, accuracy=0.42, train_loss=1.0))
    observer.trial_ended(make_record(1, accuracy=0.95, flops=3_000_000))
    observer.trial_ended(make_record(2, outcome=Outcome.DIVERGED).model_copy(update={"reason": "loss is nan"}))
    observer.trial_ended(make_record(4, outcome=Outcome.DUPLICATE))


def test_a_log_has_a_line_for_every_training_that_ends(tmp_path, make_record) -> None:
    console = terminal()
    play(LineObserver(console), RunFolder(tmp_path), make_record)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 4
    assert "6 trials, 1 of them done before" in lines[0]
    assert lines[2].startswith("trial 1: 95.00%, 3M FLOPs, 1K params")
    assert "2/6 trained, 2 running, best 95.00%, front 2" in lines[2]
    assert "trial 2: diverged: loss is nan" in lines[3]


def test_a_terminal_shows_what_runs(tmp_path, make_record) -> None:
    console = terminal()
    observer = LiveObserver(console)
    console.print(observer.render())
    play(observer, RunFolder(tmp_path), make_record)
    console.print(observer.render())
    shown = console.file.getvalue()
    assert "checking the space and the data set" in shown
    assert "3/6 trained, 1 running, best 95.00%, front 2, 1 duplicate" in shown
    row = next(line for line in shown.splitlines() if line.startswith("trial 3"))
    assert "epoch 2/4" in row
    assert "42.00%" in row


def test_time_left_follows_from_the_pace_of_this_session(monkeypatch: pytest.MonkeyPatch, make_record) -> None:
    now = [100.0]
    monkeypatch.setattr("sasa_nas.cli.progress.time.monotonic", lambda: now[0])
    tally = Tally()
    tally.begin(6, [make_record(0, accuracy=0.9, flops=1000)])
    tally.begin_training()
    assert tally.seconds_left() is None
    tally.start(make_record(1))
    tally.start(make_record(2))
    now[0] += 30.0
    tally.end(make_record(1, accuracy=0.8, flops=1000))
    tally.epochs[2] = EpochReport(number=2, epoch=1, epochs=2, accuracy=0.1, train_loss=1.0)
    # one and a half trainings in 30 s, three and a half to go
    assert tally.seconds_left() == pytest.approx(70.0)


def test_a_trial_without_a_network_has_a_line(make_record) -> None:
    record = make_record(5, outcome=Outcome.BROKEN).model_copy(update={"architecture": None, "reason": "disk full"})
    assert trial_line(record) == "trial 5: broken: disk full, no network, 2 s"
