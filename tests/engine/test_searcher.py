import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher
from studies import outcomes

from sasa_nas.engine.plan import SearchPlan
from sasa_nas.engine.proposer import Proposer
from sasa_nas.engine.searcher import StudySearcher
from sasa_nas.engine.study import opened_study
from sasa_nas.engine.training import TrainingReport, TrainingTask
from sasa_nas.engine.tune import HalvingScheduler
from sasa_nas.run import Outcome, RunFolder

MakePlan = Callable[..., SearchPlan]
MakeSearcher = Callable[[SearchPlan], StudySearcher]


@pytest.fixture
def make_searcher(folder: RunFolder, notes) -> Iterator[MakeSearcher]:
    """Makes searchers on one run, whose study the last one leaves to the next."""
    with ExitStack() as stack:

        def make(plan: SearchPlan) -> StudySearcher:
            study = stack.enter_context(opened_study(folder, plan.settings))
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
    assert [suggest(again, "x"), suggest(again, "y")] == [task, other]


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
