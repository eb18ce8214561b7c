"""What Ray Tune needs of us: a trainable that trains, a searcher that passes designs on, a scheduler that stops."""

from typing import Any

from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from sasa_nas.data.download import default_data_dir
from sasa_nas.engine.observer import EpochReport, SearchObserver
from sasa_nas.engine.plan import SearchPlan
from sasa_nas.engine.proposer import Proposal, Proposer, stop_reason
from sasa_nas.engine.training import DataCache, Training, TrainingReport, TrainingTask
from sasa_nas.run import Outcome, RunFolder

_TASK = "task"
_REPORT = "report"


class TrialTrainable(tune.Trainable):  # type: ignore[misc]
    """Trains one trial after the other in one worker process."""

    def setup(self, config: dict[str, Any]) -> None:
        """Called once a process, with its first trial."""
        self._data = DataCache()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial, so that the process and its data serve again."""
        self._training = Training(TrainingTask.model_validate_json(new_config[_TASK]), self._data)
        return True

    def step(self) -> dict[str, Any]:
        """One epoch."""
        report = self._training.advance()
        return {_REPORT: report.model_dump_json(), "done": report.outcome is not Outcome.RUNNING}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: a training keeps its own checkpoint in the trial's folder, which outlives Tune's experiment."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing, likewise."""


class StudySearcher(Searcher):  # type: ignore[misc]
    """Stands between Ray Tune and the `Proposer`.

    Args:
        proposer: Where designs come from and results go to.
        plan: What is searched.
        folder: The run's.
        observer: Told of every epoch.
    """

    def __init__(self, proposer: Proposer, plan: SearchPlan, folder: RunFolder, observer: SearchObserver) -> None:
        super().__init__(metric=None, mode=None)
        self._proposer = proposer
        self._plan = plan
        self._folder = folder
        self._observer = observer
        self._live: dict[str, Proposal] = {}
        self._stopped: set[str] = set()

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Tune's settings do not concern us: the study has its own objectives."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next design as Tune's config, or `FINISHED`."""
        proposal = self._proposer.propose()
        if proposal is None:
            return str(Searcher.FINISHED)
        self._live[trial_id] = proposal
        return {_TASK: self._task(proposal).model_dump_json()}

    def goes_on(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether a trial is worth more epochs; asked after each."""
        report = _report(result)
        if report is None or report.accuracy is None or report.outcome is not Outcome.RUNNING:
            return True
        if self._proposer.goes_on(report.number, report.epoch, report.accuracy):
            return True
        self._stopped.add(trial_id)
        return False

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Passes an epoch on to the observer."""
        self._observe(_report(result))

    def _observe(self, report: TrainingReport | None) -> None:
        if report is not None and report.accuracy is not None and report.train_loss is not None:
            self._observer.epoch_ended(
                EpochReport(
                    number=report.number,
                    epoch=report.epoch,
                    epochs=self._plan.space.proxy.recipe.epochs,
                    accuracy=report.accuracy,
                    train_loss=report.train_loss,
                )
            )

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Writes a finished trial into the study; an interrupted one stays as it is, to be taken up again."""
        proposal = self._live.pop(trial_id, None)
        if proposal is None:
            return
        if error:
            lost = proposal.record(Outcome.LOST)
            self._proposer.finish(lost.model_copy(update={"reason": "its worker died and did not come back"}))
            return
        report = _report(result)
        stopped = trial_id in self._stopped
        self._stopped.discard(trial_id)
        if report is None or (report.outcome is Outcome.RUNNING and not stopped):
            return
        self._observe(report)  # Tune announces a last epoch only here
        outcome = Outcome.STOPPED if stopped else report.outcome
        self._proposer.finish(
            proposal.record(outcome).model_copy(
                update={
                    "accuracy": report.accuracy if outcome is Outcome.TRAINED else None,
                    "epochs": report.epoch,
                    "seconds": report.seconds,
                    "reason": stop_reason(report.epoch) if stopped else report.reason,
                }
            )
        )
        self._folder.trial(proposal.number).checkpoint.unlink(missing_ok=True)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study on disk is all there is to keep."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, likewise."""

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its searcher; ours holds a database connection and is never restored."""
        return {}

    def _task(self, proposal: Proposal) -> TrainingTask:
        settings = self._plan.settings
        return TrainingTask(
            number=proposal.number,
            folder=self._folder.trial(proposal.number).path.resolve(),
            architecture=proposal.design.architecture,
            full_size=proposal.design.full_size,
            proxy=self._plan.space.proxy,
            data_dir=(settings.data_dir or default_data_dir()).resolve(),
            seed=proposal.request.seed,
            threads=settings.cpus_per_trial,
            device="cuda" if settings.gpus_per_trial else "cpu",
        )


class HalvingScheduler(FIFOScheduler):  # type: ignore[misc]
    """Asks after every epoch whether a trial goes on; the order of trials is the searcher's.

    Args:
        searcher: Knows.
    """

    def __init__(self, searcher: StudySearcher) -> None:
        super().__init__()
        self._searcher = searcher

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Tune's word for going on or for stopping."""
        goes_on = self._searcher.goes_on(trial.trial_id, result)
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its scheduler; ours is never restored."""
        return {}


def _report(result: dict[str, Any] | None) -> TrainingReport | None:
    if not result or _REPORT not in result:
        return None
    return TrainingReport.model_validate_json(result[_REPORT])
