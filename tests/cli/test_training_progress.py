import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from sasa_nas.cli.retraining_progress import RetrainingProgress
from sasa_nas.cli.training_progress import TrainingBar, TrainingLines
from sasa_nas.run import TrainingFolder, TrainingInfo, TrainingSettings
from sasa_nas.space import Recipe
from sasa_nas.training.proxy import EpochMetrics
from sasa_nas.workflows.estimate import Estimate

INFO = TrainingInfo(
    name="net",
    architecture_id="0123456789ab",
    settings=TrainingSettings(dataset="digits", recipe=Recipe(epochs=2), seeds=(0, 1, 2)),
    created=datetime(2024, 1, 1, tzinfo=UTC),
    command="",
    versions={},
    git=None,
    device="cpu",
    mean=(),
    std=(),
)

ONE_SEED = TrainingSettings(dataset="digits", recipe=Recipe(epochs=2), seeds=(1,))


def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=160, markup=False, highlight=False, color_system=None)


def metrics(epoch: int) -> EpochMetrics:
    return EpochMetrics(epoch, 0.5, accuracy=0.9, validation_loss=0.4, seconds_train=3.0, seconds_evaluate=1.0)


def play(observer: TrainingLines, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first seed was done before, and one epoch of the second; four seconds an epoch."""
    now = [100.0]
    monkeypatch.setattr("sasa_nas.cli.training_progress.time.monotonic", lambda: now[0])
    observer.training_started(TrainingFolder(Path("here")), INFO)
    observer.seed_started(1, 1)
    now[0] += 4
    observer.epoch_ended(1, metrics(2))
    observer.seed_restarted(2, "checkpoint.pt is damaged")
    observer.seed_started(2, 0)
    now[0] += 4
    observer.epoch_ended(2, metrics(1))


def test_a_log_has_a_line_for_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = console()
    observer = TrainingLines(shown)
    play(observer, monkeypatch)
    observer.testing_started()
    assert shown.file.getvalue().splitlines() == [
        "training here: net on digits, 2 epochs, 3 seeds",
        "seed 1 goes on after epoch 1/2",
        "seed 1 epoch 2/2: train loss 0.5000, validation 90.00%, 4.0 s, 0:08 left",
        "seed 2 begins again: checkpoint.pt is damaged",
        "seed 2 epoch 1/2: train loss 0.5000, validation 90.00%, 4.0 s, 0:04 left",
        "all seeds are trained; reading the test split",
    ]


def test_an_estimate_is_a_line_and_stands_beside_the_bar_until_an_epoch_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("sasa_nas.cli.training_progress.time.monotonic", lambda: now[0])
    shown = console()
    observer = TrainingBar(shown)
    observer.training_started(TrainingFolder(Path("here")), INFO)
    # the seconds of the timing are no epoch's
    now[0] += 50
    observer.estimated(Estimate(300.0, networks=1, seeds=3, epochs=2))
    observer.seed_started(0, 0)
    shown.print(observer.render())
    assert shown.file.getvalue().splitlines()[-2:] == [
        "about 5 minutes: 1 network, 3 seeds, 2 epochs each",
        f"{30 * ' '} seed 0: first epoch ... about 5 minutes left",
    ]
    now[0] += 4
    observer.epoch_ended(0, metrics(1))
    shown.print(observer.render())
    assert shown.file.getvalue().endswith("seed 0 epoch 1/2, validation 90.00%, 0:20 left\n")


def test_a_retraining_shows_what_is_left_for_all_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("sasa_nas.cli.retraining_progress.time.monotonic", lambda: now[0])
    shown = console()
    observer = RetrainingProgress(shown)
    observer.estimated(Estimate(13260.0, networks=5, seeds=3, epochs=30))
    observer.network_started(7, 1, 5)
    now[0] += 3600
    shown.print(observer.render())
    now[0] += 36000
    shown.print(observer.render())
    lines = shown.file.getvalue().splitlines()
    assert lines[0] == "about 3:40 hours: 5 networks, 3 seeds, 30 epochs each"
    assert lines[2] == "network 1 of 5, trial 7, about 2:40 hours left for all"
    # later than was estimated, nothing is said
    assert lines[4] == "network 1 of 5, trial 7"


def test_trainings_at_once_have_a_bar_each_while_they_last() -> None:
    shown = console()
    observer = RetrainingProgress(shown)
    observer.estimated(Estimate(600.0, networks=2, seeds=2, epochs=2, at_once=2))
    early = observer.part_started(7, 0, 1, 2)
    early.training_started(TrainingFolder(Path("runs/q")), INFO)
    early.seed_started(0, 0)
    late = observer.part_started(3, 1, 2, 2)
    late.training_started(TrainingFolder(Path("runs/r")), INFO.model_copy(update={"settings": ONE_SEED}))
    late.seed_started(1, 0)
    late.epoch_ended(1, metrics(2))
    shown.print(observer.render())
    text = shown.file.getvalue()
    assert "about 10 minutes: 2 networks, 2 seeds, 2 epochs each, 2 at a time\n" in text
    assert "trial 3: training runs/r: net on digits, 2 epochs, seed 1\n" in text
    assert "trial 3: seed 1 epoch 2/2: train loss 0.5000, validation 90.00%, 4.0 s\n" in text
    assert "\n2 networks, about 10 minutes left for all\n" in text
    assert "trial 7: seed 0: first epoch" in text
    observer.part_ended(7, 0)
    observer.part_started(7, None, 1, 2).testing_started()
    said = shown.file.getvalue().removeprefix(text)
    assert said == "network 1 of 2, trial 7: all seeds are trained; reading the test split\n"
    shown.print(observer.render())
    assert "trial 7: seed 0" not in shown.file.getvalue().removeprefix(text)


def test_a_terminal_shows_a_bar_and_keeps_a_line_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = console()
    observer = TrainingBar(shown)
    shown.print(observer.render())
    play(observer, monkeypatch)
    shown.print(observer.render())
    text = shown.file.getvalue()
    assert "reading the data set" in text
    assert "seed 1 epoch 2/2: train loss 0.5000" in text
    assert "seed 2 epoch 1/2, validation 90.00%, 0:04 left" in text
    assert "seed 2 epoch 1/2: train loss" not in text
    assert (observer.done, observer.total) == (5, 6)


def test_long_epochs_are_shown_update_by_update(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("sasa_nas.cli.training_progress.time.monotonic", lambda: now[0])
    shown = console()
    lines, bar = TrainingLines(shown), TrainingBar(console())
    for observer in (lines, bar):
        observer.training_started(TrainingFolder(Path("here")), INFO)
        # an epoch that another session has trained half of
        observer.seed_started(2, 0)
        observer.updates_done(2, 1, 50, 100)
    now[0] += 300
    for observer in (lines, bar):
        observer.updates_done(2, 1, 75, 100)
    assert shown.file.getvalue().splitlines()[-1] == "seed 2 epoch 1/2: 75/100 updates, 25:00 left"
    bar_shown = console()
    bar_shown.print(bar.render())
    assert "seed 2 epoch 1/2: 75/100 updates, 25:00 left" in bar_shown.file.getvalue()
    now[0] += 1
    lines.updates_done(2, 1, 76, 100)
    assert "76/100" not in shown.file.getvalue()
