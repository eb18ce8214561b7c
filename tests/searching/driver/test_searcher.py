import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher
from studies import outcomes

from sasa_nas.run import Outcome, RunFolder
from sasa_nas.searching.driver.searcher import FAILURES_IN_A_ROW, StudySearcher
from sasa_nas.searching.driver.tune_components import RESTARTS, HalvingScheduler, StopAll, Watch
from sasa_nas.searching.plan import SearchPlan
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import opened_study
from sasa_nas.searching.storage import StoredFolder
from sasa_nas.searching.worker.messages import TrainingReport, TrainingTask

MakePlan = Callable[..., SearchPlan]
MakeSearcher = Callable[[SearchPlan], StudySearcher]


@pytest.fixture
def make_searcher(folder: RunFolder, notes) -> Iterator[MakeSearcher]:
    """Makes searchers on one run, whose study the last one leaves to the next."""
    with ExitStack() as stack:

        def make(plan: SearchPlan) -> StudySearcher:
            study = stack.enter_context(opened_study(folder, plan))
            return StudySearcher(Proposer(study, plan, notes), plan, folder, notes)

        yield make


def result(task: TrainingTask, outcome: Outcome, accuracy: float | None = 0.5) -> dict[str, object]:
    report = TrainingReport(number=task.number, epoch=1, accuracy=accuracy, train_loss=1.0, outcome=outcome, seconds=2)
    return {"report": report.model_dump_json(), "done": True}


def tune_trial(name: str) -> SimpleNamespace:
    return SimpleNamespace(trial_id=name, num_failures=1, max_failures=2)


def suggest(searcher: StudySearcher, trial_id: str) -> TrainingTask:
    config = searcher.suggest(trial_id)
    assert isinstance(config, dict)
    return TrainingTask.model_validate_json(config["task"])


def timeless(task: TrainingTask) -> TrainingTask:
    return task.model_copy(update={"proposed": None})


def test_results_reach_the_study_whatever_order_they_come_in(
    make_plan: MakePlan, make_searcher: MakeSearcher, folder: RunFolder, notes
) -> None:
    searcher = make_searcher(make_plan(trials=3))
    tasks = {name: suggest(searcher, name) for name in "abc"}
    assert searcher.suggest("d") == Searcher.FINISHED
    searcher.on_trial_complete("c", result(tasks["c"], Outcome.TRAINED))
    searcher.on_trial_complete("a", result(tasks["a"], Outcome.DIVERGED, None))
    searcher.on_trial_complete("b", error=True)
    assert outcomes(folder) == {
        tasks["c"].number: Outcome.TRAINED,
        tasks["a"].number: Outcome.DIVERGED,
        tasks["b"].number: Outcome.LOST,
    }


def test_an_interrupted_trial_stays_to_be_taken_up(
    make_plan: MakePlan, make_searcher: MakeSearcher, folder: RunFolder, notes
) -> None:
    searcher = make_searcher(make_plan(trials=2))
    task, other = suggest(searcher, "a"), suggest(searcher, "b")
    searcher.on_trial_complete("a", result(task, Outcome.RUNNING))
    searcher.on_trial_complete("b", None)
    assert set(outcomes(folder).values()) == {Outcome.RUNNING}
    again = make_searcher(make_plan(trials=2))
    assert [timeless(suggest(again, name)) for name in "xy"] == [timeless(task), timeless(other)]


def test_epochs_reach_the_observer(make_plan: MakePlan, make_searcher: MakeSearcher, folder: RunFolder, notes) -> None:
    searcher = make_searcher(make_plan(trials=1))
    task = suggest(searcher, "a")
    searcher.on_trial_result("a", result(task, Outcome.RUNNING, 0.25))
    searcher.on_trial_complete("a", result(task, Outcome.TRAINED, 0.5))
    assert [(report.number, report.epoch, report.epochs, report.accuracy) for report in notes.epochs] == [
        (task.number, 1, 1, 0.25),
        (task.number, 1, 1, 0.5),
    ]


def test_tune_may_pickle_the_searcher(
    make_plan: MakePlan, make_searcher: MakeSearcher, folder: RunFolder, notes
) -> None:
    searcher = make_searcher(make_plan(trials=1))
    assert isinstance(pickle.loads(pickle.dumps(searcher)), StudySearcher)  # noqa: S301 made on the line itself


def test_a_stopped_trial_ends_as_one_and_loses_its_checkpoint(
    make_plan: MakePlan, make_searcher: MakeSearcher, folder: RunFolder, notes
) -> None:
    plan = make_plan(
        lambda data: data["proxy"]["recipe"].update(epochs=9), trials=3, halving=True, objectives=("accuracy",)
    )
    searcher = make_searcher(plan)
    scheduler = HalvingScheduler(searcher)
    words = []
    for name, accuracy in (("a", 0.5), ("b", 0.4)):
        task = suggest(searcher, name)
        task.folder.mkdir(parents=True)
        checkpoint = folder.trial(task.number).checkpoint
        checkpoint.touch()
        words.append(scheduler.on_trial_result(None, tune_trial(name), result(task, Outcome.RUNNING, accuracy)))
        searcher.on_trial_complete(name, result(task, Outcome.RUNNING, accuracy))
        assert checkpoint.exists() == (name == "a")
    assert words == [TrialScheduler.CONTINUE, TrialScheduler.STOP]
    assert list(outcomes(folder).values())[:2] == [Outcome.RUNNING, Outcome.STOPPED]
    assert [record.reason for record in notes.ended] == ["after 1 epoch others were better"]


def test_tune_can_pickle_the_scheduler(
    make_plan: MakePlan, make_searcher: MakeSearcher, folder: RunFolder, notes
) -> None:
    searcher = make_searcher(make_plan())
    assert len(pickle.dumps(HalvingScheduler(searcher))) < 1000


def test_a_worker_that_took_too_long_ends_its_trial(make_plan: MakePlan, make_searcher: MakeSearcher, notes) -> None:
    searcher = make_searcher(make_plan(trials=1, trial_timeout=60.0))
    suggest(searcher, "a")
    searcher.time_out("a")
    searcher.on_trial_complete("a", error=True)
    assert [(r.outcome, r.reason) for r in notes.ended] == [(Outcome.TIMED_OUT, "it took longer than 60 s")]


def test_the_watch_kills_late_workers_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    now, killed, late = [0.0], [], []
    monkeypatch.setattr("sasa_nas.searching.driver.tune_components.time.monotonic", lambda: now[0])
    monkeypatch.setattr("sasa_nas.searching.driver.tune_components.ray.kill", killed.append)
    watch = Watch(SimpleNamespace(time_out=late.append, live=lambda: {"a", "b"}), timeout=10.0)
    trials = {name: watched_trial(name) for name in "ab"}
    for trial in trials.values():
        watch.on_trial_start(0, [], trial)
    now[0] = 6.0
    watch.on_trial_recover(0, [], trials["a"])  # six seconds are spent, and waiting costs none
    now[0] = 9.0
    watch.on_trial_complete(0, [], trials["b"])
    now[0] = 100.0
    watch.on_trial_start(0, [], trials["a"])
    now[0] = 103.9
    watch.on_step_end(0, [])
    assert late == []
    now[0] = 104.1
    watch.on_step_end(0, [])
    watch.on_step_end(0, [])
    assert late == ["a"]
    assert killed == [trials["a"].temporary_state.ray_actor]
    assert trials["a"].max_failures == 0


def watched_trial(name: str) -> SimpleNamespace:
    actor = SimpleNamespace(_actor_id=SimpleNamespace(hex=lambda: f"feed{name}"))
    return SimpleNamespace(trial_id=name, max_failures=2, temporary_state=SimpleNamespace(ray_actor=actor))


def test_of_a_machine_out_of_memory_only_the_killed_trial_is_to_blame(
    make_plan: MakePlan, make_searcher: MakeSearcher, folder: RunFolder, notes
) -> None:
    plan = make_plan(trials=3)
    searcher = make_searcher(plan)
    tasks = {name: suggest(searcher, name) for name in "ab"}
    watch = Watch(searcher, None)
    for name in "ab":
        watch.on_trial_start(0, [], watched_trial(name))
    assert watch.killed("Task was killed: node low on memory, (actor ID: feeda, pid=7)") == {"a"}
    assert watch.killed("node low on memory") == {"a", "b"}
    searcher.out_of_memory({"a"})
    assert set(outcomes(folder).values()) == {Outcome.RUNNING}
    assert searcher.wants_more
    # the innocent one first, then a new one, and the culprit last
    assert [suggest(searcher, name).number for name in "cde"] == [tasks["b"].number, 2, tasks["a"].number]
    searcher.out_of_memory({"e"})
    assert outcomes(folder)[tasks["a"].number] is Outcome.OUT_OF_MEMORY
    assert [record.reason for record in notes.ended] == ["the machine's memory ran out"]


def test_trainings_that_break_one_after_the_other_stop_the_search(
    make_plan: MakePlan, make_searcher: MakeSearcher
) -> None:
    def edit(data: dict) -> None:
        for stage in data["stages"]:
            stage["width"] = {"choice": [8, 16, 32]}

    searcher = make_searcher(make_plan(edit, trials=40))
    for i in range(FAILURES_IN_A_ROW):
        assert searcher.failure is None
        task = suggest(searcher, f"{i}")
        searcher.on_trial_complete(f"{i}", result(task, Outcome.BROKEN, None))
    assert "10 trainings one after the other broke off" in str(searcher.failure)
    assert StopAll(searcher).stop_all()
    assert searcher.suggest("next") == Searcher.FINISHED


def test_a_worker_that_cannot_write_stops_the_search_and_ends_no_trial(
    make_plan: MakePlan, make_searcher: MakeSearcher, folder: RunFolder
) -> None:
    searcher = make_searcher(make_plan(trials=2))
    task = suggest(searcher, "a")
    report = TrainingReport(number=task.number, outcome=Outcome.RUNNING, halt="the disk is full")
    assert searcher.goes_on("a", {"report": report.model_dump_json()})
    assert str(searcher.failure) == f"the disk is full; go on with `sasa-nas resume {folder.path}`"
    searcher.on_trial_complete("a", error=True)
    assert outcomes(folder) == {task.number: Outcome.RUNNING}


def test_restarts_are_counted_anew_after_every_epoch(make_plan: MakePlan, make_searcher: MakeSearcher) -> None:
    """A machine that is taken away now and then costs no trial."""
    searcher = make_searcher(make_plan(lambda data: data["proxy"]["recipe"].update(epochs=3), trials=1))
    task, trial = suggest(searcher, "a"), tune_trial("a")
    scheduler = HalvingScheduler(searcher)
    for failures, expected in ((0, RESTARTS), (2, RESTARTS), (3, RESTARTS)):
        trial.num_failures = failures
        scheduler.on_trial_result(None, trial, result(task, Outcome.RUNNING))  # the same epoch every time
        assert trial.max_failures == expected
    later = TrainingReport(number=task.number, epoch=2, accuracy=0.5, train_loss=1.0, outcome=Outcome.RUNNING)
    scheduler.on_trial_result(None, trial, {"report": later.model_dump_json()})
    assert trial.max_failures == 3 + RESTARTS


def test_memory_that_runs_out_for_good_takes_the_checkpoint_along(
    make_plan: MakePlan, make_searcher: MakeSearcher, folder: RunFolder
) -> None:
    searcher = make_searcher(make_plan(trials=1))
    for name in "ab":
        task = suggest(searcher, name)
        task.folder.mkdir(parents=True, exist_ok=True)
        folder.trial(task.number).checkpoint.touch()
        searcher.on_trial_complete(name, result(task, Outcome.OUT_OF_MEMORY, None))
        assert folder.trial(task.number).checkpoint.exists() == (name == "a")
    assert outcomes(folder) == {task.number: Outcome.OUT_OF_MEMORY}


def test_no_trial_ends_before_its_files_are_here(
    make_plan: MakePlan, make_searcher: MakeSearcher, folder: RunFolder, tmp_path: Path, notes
) -> None:
    storage = f"file://{tmp_path}/bucket"
    searcher = make_searcher(make_plan(trials=2, storage=storage))
    tasks = {name: suggest(searcher, name) for name in "ab"}
    assert tasks["a"].storage == f"{storage}/trials/{tasks['a'].folder.name}"
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "weights.safetensors").touch()
    StoredFolder(tasks["a"].storage, tmp_path / "worker").push()
    for name in "ab":
        searcher.on_trial_complete(name, result(tasks[name], Outcome.TRAINED))
    assert folder.trial(tasks["a"].number).weights.exists()
    assert outcomes(folder) == {tasks["a"].number: Outcome.TRAINED, tasks["b"].number: Outcome.RUNNING}
    assert "holds no weights" in str(searcher.failure)


def test_a_worker_that_lost_its_storage_says_so(make_plan: MakePlan, make_searcher: MakeSearcher, notes) -> None:
    searcher = make_searcher(make_plan(trials=2))
    scheduler = HalvingScheduler(searcher)
    for name, words in (("a", "x.StorageError: s3://bucket cannot be read: gone"), ("b", "The worker died: killed.")):
        suggest(searcher, name)
        text = f"Failure # 1 (occurred at noon)\nTraceback: odd\n{words}\n"
        scheduler.on_trial_error(None, SimpleNamespace(trial_id=name, get_error=lambda text=text: text))
        searcher.on_trial_complete(name, error=True)
    assert [(record.outcome, record.reason) for record in notes.ended] == [
        (Outcome.LOST, "s3://bucket cannot be read: gone"),
        (Outcome.LOST, "its worker died and did not come back"),
    ]
