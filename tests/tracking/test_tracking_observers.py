"""Events of searches, trainings and retrainings as their trackers are told them, over several sessions."""

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
from assertions import every
from coco_shapes import write_shapes
from recording_tool import RecordingTool

from sasa_nas.cost import count_network
from sasa_nas.detection.cost import count_detector
from sasa_nas.detection.description import Detector, load_detector
from sasa_nas.detection.recipe import DetectionRecipe
from sasa_nas.detection.records import DetectionSettings
from sasa_nas.detection.workflows.train import train_detector
from sasa_nas.errors import UserError
from sasa_nas.recipes import load_recipe
from sasa_nas.run import Outcome, RunFolder, SearchSettings, TrainingSettings
from sasa_nas.searching import resume, search
from sasa_nas.searching.observer import EpochReport, SearchObserver, SearchObservers
from sasa_nas.space import Architecture, load_architecture
from sasa_nas.tracking import RunDescription, Status, Tracking
from sasa_nas.tracking.observers import flat
from sasa_nas.workflows.full_share import Share
from sasa_nas.workflows.observer import (
    RetrainingObserver,
    RetrainingObservers,
    TrainingObserver,
    TrainingObservers,
)
from sasa_nas.workflows.train import resume_network, train_network


class Stopping(SearchObserver, TrainingObserver):
    """An observer that presses Ctrl-C after so many epochs."""

    def __init__(self, after: int) -> None:
        self._left = after

    def epoch_ended(self, *_: object) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def test_a_search_is_tracked_trial_by_trial(tool: RecordingTool, make_space, tmp_path: Path) -> None:
    with Tracking(tool) as tracking:
        observer = tracking.search_observer()
        summary = search(make_space(), SearchSettings(trials=4), out=tmp_path / "run", observer=observer)
    spent = [record for record in summary.records if record.outcome.spent]
    assert len(spent) == 4
    assert set(tool.runs) == {f"trial-{record.number:04d}" for record in spent}
    for record in spent:
        run = tool.runs[f"trial-{record.number:04d}"]
        assert run.steps == [1, 2, 3]
        assert run.points[-1][1]["accuracy"] == run.results["accuracy"] == record.accuracy
        assert run.statuses == [Status.FINISHED]
        assert run.notes == {"outcome": "trained"}
        kinds = {f"stages.{i}.operator": stage.operator.kind for i, stage in enumerate(record.architecture.stages)}
        costs = {"seed": record.seed, "flops": record.flops, "params": record.params}
        for name, value in {"space": "eight", "dataset": "synthetic:additive", **costs, **kinds}.items():
            assert run.description.parameters[name] == value


def test_a_resumed_search_goes_on_with_its_runs(tool: RecordingTool, make_space, tmp_path: Path) -> None:
    settings = SearchSettings(trials=4, workers=2)
    with Tracking(tool) as tracking:
        observer = tracking.search_observer(Stopping(after=4))
        assert search(make_space(), settings, out=tmp_path / "run", observer=observer).interrupted
    assert [run.statuses for run in tool.runs.values()] == [[Status.INTERRUPTED]] * 2
    with Tracking(tool) as tracking:
        summary = resume(tmp_path / "run", observer=tracking.search_observer())
    assert len(tool.runs) == sum(record.outcome.spent for record in summary.records) == 4
    assert every(run.steps == [1, 2, 3] for run in tool.runs.values())
    assert sorted(run.statuses for run in tool.runs.values()) == sorted(
        [[Status.INTERRUPTED, Status.FINISHED]] * 2 + [[Status.FINISHED]] * 2
    )


def test_trials_that_others_outdo_are_stopped(tool: RecordingTool, make_space, tmp_path: Path) -> None:
    settings = SearchSettings(trials=20, balanced=0.0, halving=True, sampler="random")
    with Tracking(tool) as tracking:
        summary = search(make_space(9, 6), settings, out=tmp_path / "run", observer=tracking.search_observer())
    spent = {f"trial-{record.number:04d}": record for record in summary.records if record.outcome.spent}
    assert {record.outcome for record in spent.values()} == {Outcome.TRAINED, Outcome.STOPPED}
    assert set(tool.runs) == set(spent)
    for key, record in spent.items():
        stopped = record.outcome is Outcome.STOPPED
        assert tool.runs[key].statuses == [Status.STOPPED if stopped else Status.FINISHED]
        assert tool.runs[key].steps == list(range(1, record.epochs + 1))
        assert ("others were better" in tool.runs[key].notes.get("reason", "")) == stopped


def test_trials_that_nobody_tracked_are_made_up_for(tool: RecordingTool, make_space, tmp_path: Path) -> None:
    summary = search(make_space(), SearchSettings(trials=2), out=tmp_path / "run")
    file = summary.folder.trial(0).metrics
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"epoch": 1, "accuracy": 0.25, "validation_loss": 2}\n{"epoch": 2, "accuracy": 0.5}\n')
    for _ in range(2):
        with Tracking(tool) as tracking:
            resume(tmp_path / "run", observer=tracking.search_observer())
    run = tool.runs["trial-0000"]
    assert run.points == [(1, {"accuracy": 0.25, "validation_loss": 2.0}), (2, {"accuracy": 0.5})]
    assert (run.starts, run.statuses) == (1, [Status.FINISHED])
    assert run.description.parameters["stages.0.operator"] == "conv"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.STOPPED, Status.STOPPED),
        (Outcome.INFEASIBLE, Status.STOPPED),
        (Outcome.DIVERGED, Status.FAILED),
        (Outcome.LOST, Status.FAILED),
        (Outcome.OUT_OF_MEMORY, Status.FAILED),
    ],
)
def test_trials_that_are_not_trained_to_the_end_say_so(
    tool: RecordingTool, make_run, make_record, outcome: Outcome, status: Status
) -> None:
    folder, record = RunFolder(make_run([])), make_record(0)
    with Tracking(tool) as tracking:
        observer = tracking.search_observer()
        observer.search_started(folder, 2, [])
        observer.trial_started(record)
        observer.epoch_ended(EpochReport(0, 1, 3, accuracy=0.5, train_loss=float("inf")))
        observer.trial_ended(record.model_copy(update={"outcome": outcome, "reason": "that is why"}))
        observer.trial_ended(make_record(1, outcome=Outcome.DUPLICATE))
    (run,) = tool.runs.values()
    assert run.points == [(1, {"accuracy": 0.5})]
    assert run.statuses == [status]
    assert run.notes == {"outcome": outcome.value, "reason": "that is why"}


def test_seeds_are_tracked_to_their_results_over_sessions(
    tool: RecordingTool, architecture: Architecture, make_settings: Callable[..., TrainingSettings], tmp_path: Path
) -> None:
    with Tracking(tool) as tracking:
        observer = tracking.training_observer(Stopping(after=3))
        settings = make_settings(seeds=(4, 5))
        stopped = train_network(architecture, settings, name="tiny", out=tmp_path / "t", observer=observer)
    assert stopped.result is None
    assert [run.statuses for run in tool.runs.values()] == [[Status.INTERRUPTED]] * 2
    with Tracking(tool) as tracking:
        result = resume_network(tmp_path / "t", observer=tracking.training_observer()).result
    assert result is not None
    counts = count_network(load_architecture(stopped.folder.architecture)).total
    for seed in result.seeds:
        run = tool.runs[f"seed-{seed.seed}"]
        assert run.steps == [1, 2]
        assert set(run.points[0][1]) == {
            *("train_loss", "accuracy", "validation_loss", "seconds_train", "seconds_evaluate")
        }
        assert run.points[-1][1]["accuracy"] == pytest.approx(seed.validation.accuracy)
        assert run.statuses == [Status.INTERRUPTED, Status.FINISHED]
        assert run.results["test.accuracy"] == seed.test.accuracy
        facts = {"seed": seed.seed, "flops": counts.flops(), "params": counts.params, "recipe.epochs": 2}
        for name, value in {**facts, "network": "tiny", "stages.0.operator": "conv"}.items():
            assert run.description.parameters[name] == value


def test_a_training_without_validation_has_no_curve_of_it(
    tool: RecordingTool, architecture: Architecture, tmp_path: Path
) -> None:
    recipe = load_recipe("small_20", ["epochs=1", "schedule.warmup_epochs=0"])
    settings = TrainingSettings(dataset="digits", recipe=recipe, whole_train=True, device="cpu")
    with Tracking(tool) as tracking:
        share, observer = Share(workers=0), tracking.training_observer()
        train_network(architecture, settings, name="tiny", out=tmp_path / "t", share=share, observer=observer)
    (run,) = tool.runs.values()
    assert set(run.points[0][1]) == {"train_loss", "seconds_train", "seconds_evaluate", "unreadable"}
    assert set(run.results) == {"test.accuracy", "test.loss"}
    assert run.description.parameters["whole_train"] is True


def test_detectors_are_tracked_like_classifiers(tool: RecordingTool, tmp_path: Path) -> None:
    shapes = write_shapes(tmp_path / "shapes", train=4, validation=2, size=(48, 64))
    stages = [{"blocks": 1, "width": 8, "stride": stride} for stride in (1, 2, 2, 2)]
    backbone = {"block": "basic", "stem": {"kind": "conv", "width": 8, "kernel_size": 3}, "stages": stages}
    detector = Detector.model_validate({"backbone": backbone, "pyramid_width": 8, "head_depth": 1})
    recipe = DetectionRecipe(epochs=1, batch_size=2)
    settings = DetectionSettings(dataset=f"coco:{shapes}", image_size=64, recipe=recipe, device="cpu")
    with Tracking(tool) as tracking:
        observer = tracking.training_observer()
        result = train_detector(detector, settings, name="x", out=tmp_path / "t", observer=observer).result
    (run,) = tool.runs.values()
    assert result is not None
    assert run.points[0][1]["ap"] == run.results["ap"] == result.seeds[0].ap
    counts = count_detector(load_detector(tmp_path / "t" / "architecture.json")).total
    assert run.description.parameters["flops"] == counts.flops()


def test_a_seed_that_diverges_has_failed(
    tool: RecordingTool, architecture: Architecture, make_settings: Callable[..., TrainingSettings], tmp_path: Path
) -> None:
    settings = make_settings(learning_rate=1e30)
    with Tracking(tool) as tracking, pytest.raises(UserError, match="diverged"):
        train_network(architecture, settings, name="x", out=tmp_path / "t", observer=tracking.training_observer())
    assert tool.runs["seed-0"].statuses == [Status.FAILED]
    assert "diverged" in tool.runs["seed-0"].notes["reason"]


def test_networks_of_a_retraining_are_tracked_in_one_place(
    tool: RecordingTool, architecture: Architecture, make_settings: Callable[..., TrainingSettings], tmp_path: Path
) -> None:
    (tmp_path / "target").mkdir()
    with Tracking(tool) as tracking:
        observer = tracking.retraining_observer(RetrainingObserver())
        for index, trial in enumerate((3, 7), 1):
            follower = observer.network_started(trial, index, 2)
            out = tmp_path / "target" / f"{trial:04d}"
            train_network(architecture, make_settings(epochs=1), name="x", out=out, observer=follower)
    assert set(tool.runs) == {"trial-0003-seed-0", "trial-0007-seed-0"}
    assert tool.groups == {"target"}
    assert tool.runs["trial-0007-seed-0"].description.parameters["trial"] == 7


def test_a_tool_that_fails_ends_no_training(
    architecture: Architecture, make_settings: Callable[..., TrainingSettings], tmp_path: Path
) -> None:
    lines: list[str] = []
    tracking = Tracking(RecordingTool(fail_at=1), warn=lines.append)
    with tracking:
        settings, observer = make_settings(epochs=1), tracking.training_observer()
        summary = train_network(architecture, settings, name="x", out=tmp_path / "t", observer=observer)
    assert summary.result is not None
    assert len(lines) == 1


def test_a_tool_that_fails_is_a_warning(tmp_path: Path) -> None:
    with pytest.warns(RuntimeWarning, match="recording is left out from now on: no route"):
        _start_one(RecordingTool(fail_at=1), tmp_path)


def _start_one(tool: RecordingTool, root: Path) -> None:
    with Tracking(tool) as tracking:
        tracking.start(root, RunDescription("seed-0", "seed 0", "train", {}))


@pytest.mark.parametrize(
    ("one", "several"),
    [
        (SearchObserver, SearchObservers),
        (TrainingObserver, TrainingObservers),
        (RetrainingObserver, RetrainingObservers),
    ],
)
def test_several_observers_are_told_everything(one: type, several: type) -> None:
    told = []

    class Listener(one):
        def __getattribute__(self, name: str):
            told.append(name)
            return super().__getattribute__(name)

    both = several(Listener(), Listener())
    events = [name for name, _ in inspect.getmembers(one, inspect.isfunction) if not name.startswith("_")]
    assert events
    for event in events:
        told.clear()
        arguments = len(inspect.signature(getattr(one, event)).parameters) - 1
        getattr(both, event)(*range(arguments))
        # an event may be told as another one, too, by an observer that does not know it
        assert [name for name in told if name == event] == [event, event]


def test_parameters_are_flat_and_of_plain_characters() -> None:
    data = {"stages[0].operator": "conv", "a b(c)": True, "none": None, "recipe": {"rate": 0.1, "more": {"x": (1, 2)}}}
    expected = {"stages.0.operator": "conv", "a_b_c_": True, "recipe.rate": 0.1, "recipe.more.x": "(1, 2)"}
    assert flat(data) == expected
