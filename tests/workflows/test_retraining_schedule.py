"""Networks and seeds retrained at once: the same results, and nothing lost by kills, failures and Ctrl-C."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from sasa_nas.errors import UserError
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import RunFolder, TrialRecord, read_result
from sasa_nas.run.training_records import TrainingRecord
from sasa_nas.space import Architecture
from sasa_nas.training.loop import EpochReport
from sasa_nas.workflows import retrain
from sasa_nas.workflows.estimate import Estimate
from sasa_nas.workflows.full_share import Share
from sasa_nas.workflows.observer import RetrainingObserver, TrainingObserver
from sasa_nas.workflows.retrain import retrain_run
from sasa_nas.workflows.retraining_plan import RetrainingRequest

pytestmark = pytest.mark.slow

FULL = FullRecipe.model_validate(
    {
        "epochs": 2,
        "batch_size": 256,
        "optimizer": {"kind": "sgd", "learning_rate": 0.05, "nesterov": True},
        "augmentation": {"crop": {"kind": "shift", "padding": 1}},
    }
)
REQUEST = RetrainingRequest(seeds=2, recipe=FULL, device="cpu")
HERE = Share(workers=0)
ALONE = RetrainingRequest(name="alone", seeds=2, recipe=FULL, device="cpu")


class Events(RetrainingObserver):
    """Keeps the events of all parts in their order, and acts at some of them."""

    def __init__(self, act: Callable[[str], None] | None = None) -> None:
        self.events: list[str] = []
        self.estimate: Estimate | None = None
        self.act = act

    def note(self, event: str) -> None:
        self.events.append(event)
        if self.act is not None:
            self.act(event)

    def estimated(self, estimate: Estimate) -> None:
        self.estimate = estimate

    def part_started(self, trial: int, seed: int | None, index: int, total: int) -> TrainingObserver:
        part = f"{trial} {seed}"
        self.note(f"{part} started {index}/{total}")
        events = self

        class Follower(TrainingObserver):
            def training_started(self, folder: object, info: TrainingRecord) -> None:
                events.note(f"{part} has seeds {info.settings.seeds}")

            def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
                events.note(f"{part} epoch {metrics.epoch}")

            def training_ended(self, result: object) -> None:
                events.note(f"{part} result")

            def training_failed(self, reason: str) -> None:
                events.note(f"{part} failed: {reason}")

        return Follower()

    def part_ended(self, trial: int, seed: int | None) -> None:
        self.note(f"{trial} {seed} ended")


@pytest.fixture
def run(
    make_run: Callable[..., Path], make_record: Callable[..., TrialRecord], architecture: Architecture
) -> RunFolder:
    """Two trained trials."""
    records = [make_record(number, 0.5 + number / 10, 1000) for number in range(2)]
    return RunFolder(make_run([record.model_copy(update={"full_size": architecture}) for record in records]))


def results(run: RunFolder, name: str) -> list[object]:
    """The results of both networks, without their times."""
    return [read_result(run.retraining(name).network(trial)).seeds for trial in range(2)]


def test_seeds_are_trained_at_once_and_networks_measured_when_theirs_are(run: RunFolder) -> None:
    events = Events()
    summary = retrain_run(run.path, [0, 1], REQUEST, share=HERE, at_once=2, observer=events)
    assert (summary.interrupted, summary.failures) == (False, {})
    parts = {(trial, seed) for trial in "01" for seed in ("0", "1", "None")}
    assert {tuple(event.split()[:2]) for event in events.events} == parts
    for trial, index in ("0", 1), ("1", 2):
        own = [event[2:] for event in events.events if event[0] == trial]
        for seed in "01":
            expected = [f"started {index}/2", f"has seeds ({seed},)", "epoch 1", "epoch 2", "ended"]
            assert [event[2:] for event in own if event[0] == seed] == expected
        # measured when both are trained
        assert own[-4:] == [f"None started {index}/2", "None has seeds (0, 1)", "None result", "None ended"]
    assert events.estimate is not None
    assert str(events.estimate) == "about a minute: 2 networks, 2 seeds, 2 epochs each, 2 at a time"
    again = Events()
    assert retrain_run(run.path, [], RetrainingRequest(), share=HERE, at_once=2, observer=again).failures == {}
    assert (again.events, again.estimate) == ([], None)


def test_nothing_is_lost_by_ctrl_c_and_by_kills(run: RunFolder) -> None:
    def stop(event: str) -> None:
        if event.endswith(" epoch 1"):
            raise KeyboardInterrupt

    stopped = Events(stop)
    assert retrain_run(run.path, [0, 1], REQUEST, share=HERE, at_once=2, observer=stopped).interrupted
    assert not multiprocessing.active_children()
    killed: list[str] = []

    def kill(event: str) -> None:
        if " epoch " in event and not killed:
            started = {event.rsplit(maxsplit=2)[0] for event in events.events if " started " in event}
            killed.extend(started - {event.rsplit(maxsplit=1)[0] for event in events.events if " ended" in event})
            for child in multiprocessing.active_children():
                child.kill()

    events = Events(kill)
    summary = retrain_run(run.path, [], RetrainingRequest(), share=HERE, at_once=2, observer=events)
    trials = {int(part[0]) for part in killed}
    assert trials
    assert set(summary.failures) == trials
    for part in killed:
        assert f"{part} failed: the process of seed {part[2]} was killed by SIGKILL" in events.events
    # nothing more of theirs is begun, and others are trained
    assert {event[0] for event in events.events if event.endswith("None result")} == set("01") - set(map(str, trials))
    again = Events()
    assert retrain_run(run.path, [], RetrainingRequest(), share=HERE, at_once=2, observer=again).failures == {}
    # after the checkpoint that it had
    part = stopped.events[-1].removesuffix(" epoch 1")
    assert [event for event in [*events.events, *again.events] if event.startswith(f"{part} epoch")] == [
        f"{part} epoch 2"
    ]
    retrain_run(run.path, [0, 1], ALONE, share=HERE)
    assert results(run, "target") == results(run, "alone")


@pytest.mark.night
def test_a_network_that_fails_does_not_hold_up_the_others(run: RunFolder) -> None:
    retrain_run(run.path, [0, 1], REQUEST, share=HERE)
    damaged, busy = map(run.retraining("target").network, range(2))
    whole = read_result(damaged).seeds
    for folder in damaged, busy:
        folder.result.unlink()
    damaged.seed(0).weights.write_bytes(b"not weights")
    with FileLock(busy.lock):
        failures = retrain_run(run.path, [], RetrainingRequest(), share=HERE, at_once=2).failures
    assert set(failures) == {1}
    assert f"another process is writing to {busy.path}" in failures[1]
    # what cannot be read was trained anew
    assert read_result(damaged).seeds == whole


def test_a_folder_that_cannot_be_written_ends_all(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(event: str) -> None:
        # what a worker meets: a file where its folder was to be
        if event.endswith(" started 1/1"):
            place = run.retraining("target").network(0).path / "seeds"
            place.write_text("")

    words = r"cannot be written: Not a directory; once it can, go on with `sasa-nas retrain .* --name target`"
    with pytest.raises(UserError, match=words):
        retrain_run(run.path, [0], REQUEST, share=HERE, at_once=2, observer=Events(full))


@pytest.mark.night
def test_gpus_are_grouped_where_that_is_faster(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    # on a CPU, processes do not look at the names of GPUs
    monkeypatch.setattr(retrain, "gpus_for", lambda device: ("GPU-a", "GPU-b"))
    request = RetrainingRequest(seeds=1, epochs=1, recipe=FULL, device="cpu")
    events = Events()
    assert retrain_run(run.path, [0], request, share=HERE, at_once=None, grouping=True, observer=events).failures == {}
    assert events.estimate is not None
    # one training: by one GPU or by both, as is faster here
    assert (events.estimate.processes, events.estimate.at_once) in {(1, 2), (2, 1)}


def test_too_many_gpus_are_refused_before_anything_is_written(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrain, "gpus_for", lambda device: ("0", "1"))
    with pytest.raises(UserError, match="2 trainings at once by 2 GPUs each need 4 GPUs, and this machine has 2"):
        retrain_run(run.path, [0], REQUEST, share=Share(2, 0), at_once=2)
    with pytest.raises(UserError, match="leave out --at-once or --address"):
        retrain_run(run.path, [0], REQUEST, share=Share(2, 0, address="127.0.0.1:1"), at_once=2)
    assert not run.retrainings.exists()
