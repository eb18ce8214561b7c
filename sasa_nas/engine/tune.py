"""What Ray Tune needs of us: a trainable that trains, and a searcher that passes designs on and results back."""

from typing import Any

from ray import tune
from ray.tune.search import Searcher

from sasa_nas.data.download import default_data_dir
from sasa_nas.engine.observer import EpochReport, SearchObserver
from sasa_nas.engine.plan import SearchPlan
from sasa_nas.engine.proposer import Proposal, Proposer
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
        """Nothing: finished trainings are on disk, and an interrupted one begins again."""

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
        if report is None or report.outcome is Outcome.RUNNING:
            return
        self._observe(report)  # Tune announces a last epoch only here
        self._proposer.finish(
            proposal.record(report.outcome).model_copy(
                update={
                    "accuracy": report.accuracy if report.outcome is Outcome.TRAINED else None,
                    "epochs": report.epoch,
                    "seconds": report.seconds,
                    "reason": report.reason,
                }
            )
        )

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
            seed=settings.seed,
            threads=settings.cpus_per_trial,
            device="cuda" if settings.gpus_per_trial else "cpu",
        )


def _report(result: dict[str, Any] | None) -> TrainingReport | None:
    if not result or _REPORT not in result:
        return None
    return TrainingReport.model_validate_json(result[_REPORT])
