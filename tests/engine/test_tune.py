import pickle
from collections.abc import Callable

from ray.tune.search import Searcher

from sasa_nas.engine.plan import SearchPlan
from sasa_nas.engine.proposer import Proposer, open_study
from sasa_nas.engine.training import TrainingReport, TrainingTask
from sasa_nas.engine.tune import StudySearcher
from sasa_nas.run import Outcome, RunFolder
from sasa_nas.run.attributes import record_of


def make_searcher(plan: SearchPlan, folder: RunFolder, notes) -> StudySearcher:
    return StudySearcher(Proposer(open_study(folder, 0), plan, notes), plan, folder, notes)


def outcomes(folder: RunFolder) -> dict[int, Outcome]:
    return {trial.number: record_of(trial).outcome for trial in open_study(folder, 0).get_trials()}


def result(task: TrainingTask, outcome: Outcome, accuracy: float | None = 0.5) -> dict[str, object]:
    report = TrainingReport(number=task.number, epoch=1, accuracy=accuracy, train_loss=1.0, outcome=outcome, seconds=2)
    return {"report": report.model_dump_json(), "done": True}


def suggest(searcher: StudySearcher, trial_id: str) -> TrainingTask:
    config = searcher.suggest(trial_id)
    assert isinstance(config, dict)
    return TrainingTask.model_validate_json(config["task"])


def test_results_reach_the_study_whatever_order_they_come_in(
    make_plan: Callable[..., SearchPlan], folder: RunFolder, notes
) -> None:
    searcher = make_searcher(make_plan(trials=3), folder, notes)
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
    make_plan: Callable[..., SearchPlan], folder: RunFolder, notes
) -> None:
    searcher = make_searcher(make_plan(trials=2), folder, notes)
    task, other = suggest(searcher, "a"), suggest(searcher, "b")
    searcher.on_trial_complete("a", result(task, Outcome.RUNNING))
    searcher.on_trial_complete("b", None)
    assert set(outcomes(folder).values()) == {Outcome.RUNNING}
    again = make_searcher(make_plan(trials=2), folder, notes)
    assert [suggest(again, "x"), suggest(again, "y")] == [task, other]


def test_epochs_reach_the_observer(make_plan: Callable[..., SearchPlan], folder: RunFolder, notes) -> None:
    searcher = make_searcher(make_plan(trials=1), folder, notes)
    task = suggest(searcher, "a")
    searcher.on_trial_result("a", result(task, Outcome.RUNNING, 0.25))
    searcher.on_trial_complete("a", result(task, Outcome.TRAINED, 0.5))
    assert [(report.number, report.epoch, report.epochs, report.accuracy) for report in notes.epochs] == [
        (task.number, 1, 1, 0.25),
        (task.number, 1, 1, 0.5),
    ]


def test_tune_may_pickle_the_searcher(make_plan: Callable[..., SearchPlan], folder: RunFolder, notes) -> None:
    searcher = make_searcher(make_plan(trials=1), folder, notes)
    assert isinstance(pickle.loads(pickle.dumps(searcher)), StudySearcher)  # noqa: S301 made on the line itself
