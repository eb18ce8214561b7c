"""Networks of a run trained in full: what is written, what goes on, what is refused."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from observers import Notes

from sasa_nas.cost import count_network
from sasa_nas.errors import UserError
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.run import Outcome, RunFolder, TrialRecord, read_result, read_training
from sasa_nas.run.new_folder import Unwritable
from sasa_nas.run.retraining_records import RetrainingInfo, list_retrainings, read_retraining
from sasa_nas.space import Architecture, Stage, load_architecture
from sasa_nas.stems.conv import ConvStem
from sasa_nas.workflows import retrain
from sasa_nas.workflows.estimate import Estimate
from sasa_nas.workflows.observer import RetrainingObserver, TrainingObserver
from sasa_nas.workflows.retrain import retrain_run
from sasa_nas.workflows.retraining_plan import RetrainingRequest, sampled

REQUEST = RetrainingRequest(epochs=1, seeds=2, batch_size=512, image_size=6, device="cpu")


class Follower(RetrainingObserver):
    """Keeps which networks were trained, and how they were followed."""

    def __init__(self, make_notes: Callable[..., TrainingObserver]) -> None:
        self.make_notes = make_notes
        self.networks: list[tuple[int, int, int]] = []
        self.notes: list[TrainingObserver] = []
        self.estimate: Estimate | None = None

    def estimated(self, estimate: Estimate) -> None:
        assert not self.networks
        self.estimate = estimate

    def network_started(self, trial: int, index: int, total: int) -> TrainingObserver:
        self.networks.append((trial, index, total))
        self.notes.append(self.make_notes())
        return self.notes[-1]


@pytest.fixture
def records(make_record: Callable[..., TrialRecord]) -> list[TrialRecord]:
    """Four trained trials, of which the first has the costliest design, and one that was stopped."""
    made = []
    for number, width in enumerate((24, 8, 16, 8)):
        operator = LocalAttention(kernel_size=3, num_heads=2)
        stages = (Stage(blocks=1, width=width, stride=2), Stage(blocks=1, width=width, operator=operator))
        design = Architecture(block="basic", stem=ConvStem(width=8), stages=stages)
        made.append(make_record(number, 0.5 + number / 10, 1000).model_copy(update={"full_size": design}))
    return [*made, make_record(4, outcome=Outcome.STOPPED).model_copy(update={"full_size": made[0].full_size})]


@pytest.fixture
def run(make_run: Callable[..., Path], records: Sequence[TrialRecord]) -> RunFolder:
    return RunFolder(make_run(records))


@pytest.fixture
def follower(make_notes: Callable[..., TrainingObserver]) -> Follower:
    return Follower(make_notes)


def test_networks_are_trained_in_the_runs_folder_cheapest_first(run: RunFolder, follower: Follower) -> None:
    summary = retrain_run(run.path, [0, 1], REQUEST, observer=follower, command="it")
    assert (summary.name, summary.interrupted, summary.failures) == ("target", False, {})
    assert [trial for trial, _, _ in follower.networks] == [1, 0]
    assert follower.estimate is not None
    assert follower.estimate.seconds > 0
    assert replace(follower.estimate, seconds=0.0) == Estimate(0.0, networks=2, seeds=2, epochs=1)
    assert list_retrainings(run) == ["target"]
    info = read_retraining(run.retraining("target"))
    assert (info.size, info.settings.seeds, info.command) == ("target", (0, 1), "it")
    for design in info.designs:
        folder = run.retraining("target").network(design.trial)
        network = load_architecture(folder.architecture)
        counts = count_network(network).total
        assert (design.flops, design.params) == (counts.flops(), counts.params)
        assert [stage.width for stage in network.stages] == [24 if design.trial == 0 else 8] * 2
        result = read_result(folder)
        assert [seed.seed for seed in result.seeds] == [0, 1]
        assert read_training(folder).settings.recipe.epochs == 1


def test_a_second_call_trains_what_is_left_and_what_is_added(run: RunFolder, follower: Follower) -> None:
    retrain_run(run.path, [1], REQUEST)
    done = read_result(run.retraining("target").network(1))
    stamp = run.retraining("target").network(1).result.stat().st_mtime_ns
    summary = retrain_run(run.path, [0], RetrainingRequest(trials=(2,)), observer=follower)
    # the front is proposed to a new retraining alone
    assert [trial for trial, _, _ in follower.networks] == [1, 2]
    assert summary.failures == {}
    assert follower.estimate is not None
    assert replace(follower.estimate, seconds=0.0) == Estimate(0.0, networks=2, seeds=2, epochs=1, done=2)
    again = Follower(Notes)
    retrain_run(run.path, [0], RetrainingRequest(), observer=again)
    assert again.estimate is None
    assert run.retraining("target").network(1).result.stat().st_mtime_ns == stamp
    assert read_result(run.retraining("target").network(2)).epochs == done.epochs == 1


@pytest.mark.parametrize("whole", [False, True])
def test_ctrl_c_stops_and_the_same_call_goes_on(
    run: RunFolder, make_notes: Callable[..., TrainingObserver], whole: bool
) -> None:
    class Stopping(RetrainingObserver):
        def network_started(self, trial: int, index: int, total: int) -> TrainingObserver:
            if whole:
                raise KeyboardInterrupt
            return make_notes(KeyboardInterrupt())

    assert retrain_run(run.path, [1, 2], REQUEST, observer=Stopping()).interrupted
    summary = retrain_run(run.path, [], RetrainingRequest())
    assert not summary.interrupted
    assert all(run.retraining("target").network(trial).result.exists() for trial in (1, 2))


def test_a_folder_without_its_record_is_made_anew(run: RunFolder) -> None:
    place = run.retraining("target").network(1)
    place.path.mkdir(parents=True)
    place.architecture.write_text("{")
    assert retrain_run(run.path, [1], REQUEST).failures == {}
    assert place.result.exists()


def test_the_proxys_size_is_the_searchs_own(run: RunFolder, records: Sequence[TrialRecord]) -> None:
    info = json.loads(run.info.read_text())
    info["space"]["proxy"] |= {"width_multiplier": 0.5, "image_size": 6, "recipe": {"epochs": 1, "batch_size": 256}}
    info["space"]["proxy"]["train_images"] = 300
    run.info.write_text(json.dumps(info))
    summary = retrain_run(run.path, [2], RetrainingRequest(size="proxy", seeds=1, device="cpu"))
    assert summary.name == "proxy"
    plan = read_retraining(run.retraining("proxy"))
    assert (plan.settings.recipe.epochs, plan.settings.recipe.batch_size) == (1, 256)
    assert plan.settings.train_images == 300
    network = load_architecture(run.retraining("proxy").network(2).architecture)
    assert [stage.width for stage in network.stages] == [8, 8]


def test_the_target_has_its_say(run: RunFolder) -> None:
    info = json.loads(run.info.read_text())
    info["space"]["target"] = {"image_size": 6, "recipe": {"epochs": 2, "batch_size": 512}}
    run.info.write_text(json.dumps(info))
    retrain_run(run.path, [1], RetrainingRequest(seeds=1, device="cpu"))
    plan: RetrainingInfo = read_retraining(run.retraining("target"))
    assert (plan.settings.image_size, plan.settings.recipe.epochs) == (6, 2)


def test_a_sample_adds_other_networks_once(records: Sequence[TrialRecord]) -> None:
    # trials 1 and 3 have the same design
    unlike = [r.model_copy(update={"architecture": r.full_size}) for r in records]
    known = {r.number: r for r in unlike if r.outcome is Outcome.TRAINED}
    assert sorted(sampled([1], known, 9, 0)) == [0, 1, 2]
    assert sampled([1], known, 1, 0) == sampled([1], known, 1, 0)
    assert len(sampled([1], known, 1, 0)) == 2


def test_a_network_that_fails_does_not_hold_up_the_others(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = retrain.train_network

    def failing(*arguments: object, **options: object) -> object:
        if options["name"] == "trial 1":
            raise UserError("seed 0 diverged")
        return whole(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(retrain, "train_network", failing)
    summary = retrain_run(run.path, [1, 2], REQUEST)
    assert summary.failures == {1: "seed 0 diverged"}
    assert run.retraining("target").network(2).result.exists()


def test_a_disk_that_is_full_is_no_networks_fault(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> object:
        raise Unwritable(run.path, OSError(28, "No space left on device"), "choose another --out")

    monkeypatch.setattr(retrain, "train_network", full)
    words = r"No space left on device; once it can, go on with `sasa-nas retrain .* --name target`"
    with pytest.raises(UserError, match=words):
        retrain_run(run.path, [1, 2], REQUEST)


def test_a_network_whose_record_is_damaged_is_named_with_what_to_do(run: RunFolder) -> None:
    retrain_run(run.path, [1, 2], REQUEST)
    network = run.retraining("target").network(1)
    network.info.write_bytes(network.info.read_bytes()[:100])
    failures = retrain_run(run.path, [1, 2], REQUEST).failures
    assert "training.json is damaged or foreign" in failures[1]
    assert failures[1].endswith(f"; remove {network.path} to train it anew")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"trials": (4,)}, "trial 4 of .* is not trained to the end"),
        ({"trials": (77,)}, "trial 77 of .* there is none"),
        ({"name": "../x"}, "--name '../x'"),
        ({"dataset": "nonesuch"}, "nonesuch"),
        ({"device": "cuda:99"}, "cuda:99"),
        ({"learning_rate": -1.0}, "learning_rate"),
    ],
)
def test_what_cannot_be_done_leaves_nothing(run: RunFolder, wish: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        retrain_run(run.path, [1], RetrainingRequest(**wish))  # type: ignore[arg-type]
    assert not run.retrainings.exists()


def test_a_run_with_nothing_trained_is_told(make_run: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"no network of .* is trained to the end yet"):
        retrain_run(make_run([]), [], RetrainingRequest())


@pytest.mark.parametrize(("option", "wish"), [("epochs", 7), ("seeds", 5), ("size", "proxy"), ("first_seed", 3)])
def test_a_retraining_goes_on_as_it_was_begun(run: RunFolder, option: str, wish: object) -> None:
    place = run.retraining("target")
    plan = _begun(run)
    with pytest.raises(UserError, match=f"was begun with {option.replace('_', '-')} "):
        retrain_run(run.path, [1], RetrainingRequest(name="target", **{option: wish}))  # type: ignore[arg-type]
    assert place.info.read_text() == plan


def _begun(run: RunFolder) -> str:
    """A retraining of which nothing is trained."""

    class Stopping(RetrainingObserver):
        def network_started(self, trial: int, index: int, total: int) -> TrainingObserver:
            raise KeyboardInterrupt

    assert retrain_run(run.path, [1], REQUEST, observer=Stopping()).interrupted
    return run.retraining("target").info.read_text()


@pytest.mark.parametrize("content", [b"", b"null", b"{}", b"\xff", b'{"format": 2}'])
def test_a_damaged_record_is_one_line(run: RunFolder, content: bytes) -> None:
    place = run.retraining("target")
    place.path.mkdir(parents=True)
    place.info.write_bytes(content)
    with pytest.raises(UserError, match=r"retrain\.json") as caught:
        retrain_run(run.path, [1], REQUEST)
    assert "\n" not in str(caught.value)
