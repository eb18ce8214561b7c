"""Stands between Ray Tune and the `Proposer`: passes designs on, and writes down what became of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ray.tune.search import Searcher

from sasa_nas.data.download import default_data_dir
from sasa_nas.errors import UserError
from sasa_nas.operators.plugins import loaded_operators
from sasa_nas.run import Outcome, RunFolder, TrialRecord
from sasa_nas.searching.driver.trial_files import TrialFiles
from sasa_nas.searching.measurements import MeasurementRequest
from sasa_nas.searching.observer import EpochReport, SearchObserver
from sasa_nas.searching.plan import SearchPlan
from sasa_nas.searching.propose.proposal import Proposal, stop_reason
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.worker.messages import TrainingReport, TrainingTask

TASK = "task"
"""The key of Tune's config that holds a `TrainingTask`."""
REPORT = "report"
"""The key of a trainable's result that holds a `TrainingReport`."""
FAILURES_IN_A_ROW = 10
"""Trainings that broke off or lost their workers one after the other, after which the search stops: the cause is no
design."""


@dataclass
class _Live:
    """A trial under way, as Tune knows it."""

    proposal: Proposal
    epoch: int = 0
    last_words: str | None = None
    timed_out: bool = False
    stopped: bool = False


class StudySearcher(Searcher):  # type: ignore[misc]
    """Stands between one Tune experiment and the `Proposer`.

    No error leaves it, which Tune would take for the trial's: the first is kept in `failure`, and nothing more is
    done.

    Args:
        proposer: Proposer of the designs, which learns their results.
        plan: Plan of the search.
        folder: Folder of the run.
        observer: Observer of the search.
    """

    def __init__(self, proposer: Proposer, plan: SearchPlan, folder: RunFolder, observer: SearchObserver) -> None:
        super().__init__(metric=None, mode=None)
        self._proposer = proposer
        self._plan = plan
        self._folder = folder
        self._files = TrialFiles(folder, plan.settings.storage)
        self._observer = observer
        self._live: dict[str, _Live] = {}
        self._failures_in_a_row = 0
        self.failure: Exception | None = None
        """Error that stops the whole search; None for none."""
        self._ended = False

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Tune's settings do not concern us: the study has its own objectives."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next design as Tune's config, or `FINISHED`."""
        with self._keeping_failure():
            proposal = None if self.failure else self._proposer.propose()
            if proposal is not None:
                self._live[trial_id] = _Live(proposal)
                return {TASK: self._task(proposal).model_dump_json()}
        # one that is under way may turn out too slow to count
        if self._plan.space.limits.max_latency is not None and self._live and self.failure is None:
            return None
        self._ended = True
        return str(Searcher.FINISHED)

    def goes_on(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Return whether a trial is worth more epochs; asked after each."""
        report, live = _report(result), self._live.get(trial_id)
        if report is None or live is None:
            return True
        if report.halt is not None:
            self.failure = self.failure or UserError(f"{report.halt}; {self._go_on}")
        if report.accuracy is None or report.outcome is not Outcome.RUNNING:
            return True
        with self._keeping_failure():
            self._proposer.found(report.number, report.findings)
            live.stopped = not self._proposer.goes_on(report.number, report.epoch, report.accuracy)
        return not live.stopped

    def advanced(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Return whether a trial has trained an epoch that it had not before, when a worker died perhaps."""
        report, live = _report(result), self._live.get(trial_id)
        if report is None or live is None or report.epoch <= live.epoch:
            return False
        live.epoch = report.epoch
        return True

    def time_out(self, trial_id: str) -> None:
        """Note that a trial's worker is killed for the time it took."""
        if trial_id in self._live:
            self._live[trial_id].timed_out = True

    def note(self, trial_id: str, words: str) -> None:
        """Note why a trial's worker gave up, should no other go on with it."""
        if trial_id in self._live:
            self._live[trial_id].last_words = words

    def out_of_memory(self, culprits: set[str]) -> None:
        """End an experiment that Ray broke off because a machine's memory ran out.

        Args:
            culprits: The Tune trials whose workers were killed for it; the others are proposed again.
        """
        with self._keeping_failure():
            for trial_id, live in self._live.items():
                if trial_id in culprits:
                    self._starved(self._end(live, Outcome.OUT_OF_MEMORY, "the machine's memory ran out"))
                else:
                    self._proposer.put_back(live.proposal.number)
            self._live.clear()
        self._ended = True

    @property
    def wants_more(self) -> bool:
        """Return whether trials that were cut off wait for another experiment, and nobody broke this one off."""
        return self._ended and self._proposer.waiting and not self._live

    def live(self) -> set[str]:
        """Tune's names of the trials under way."""
        return set(self._live)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass an epoch on to the observer."""
        self._observe(_report(result))

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Write a finished trial into the study; an interrupted one stays as it is, to be taken up again."""
        live = self._live.get(trial_id)
        if live is None or self.failure is not None:
            return
        with self._keeping_failure():
            if error:
                del self._live[trial_id]
                self._finish(self._lost(live))
                return
            report = _report(result)
            if report is None or (report.outcome is Outcome.RUNNING and not live.stopped):
                return
            del self._live[trial_id]
            self._observe(report)  # Tune announces a last epoch only here
            outcome = Outcome.STOPPED if live.stopped else report.outcome
            record = report.findings.added_to(live.proposal.record(outcome)).model_copy(
                update={
                    "accuracy": report.accuracy if outcome is Outcome.TRAINED else None,
                    "epochs": report.epoch,
                    "seconds": report.seconds,
                    "phases": report.phases,
                    "reason": stop_reason(report.epoch) if live.stopped else report.reason,
                }
            )
            if outcome is Outcome.OUT_OF_MEMORY:
                self._starved(record)
            else:
                self._finish(record)

    def _starved(self, record: TrialRecord) -> None:
        if not self._proposer.try_later(record.number):
            self._finish(record)

    def _lost(self, live: _Live) -> TrialRecord:
        if live.timed_out:
            return self._end(live, Outcome.TIMED_OUT, f"it took longer than {self._plan.settings.trial_timeout:g} s")
        return self._end(live, Outcome.LOST, live.last_words or "its worker died and did not come back")

    def _end(self, live: _Live, outcome: Outcome, reason: str) -> TrialRecord:
        return live.proposal.record(outcome).model_copy(update={"reason": reason, "epochs": live.epoch})

    def _finish(self, record: TrialRecord) -> None:
        self._files.bring_in(record)
        self._proposer.finish(record)
        # only now: a search that is killed before takes the training up again
        self._files.clear(record.number)
        failed = record.outcome in (Outcome.BROKEN, Outcome.LOST)
        self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0
        if self._failures_in_a_row >= FAILURES_IN_A_ROW:
            trial = self._folder.trial(record.number)
            raise UserError(
                f"{FAILURES_IN_A_ROW} trainings one after the other broke off, the last one, {trial.path}, because: "
                f"{record.reason}; mend what is wrong and {self._go_on}"
            )

    @property
    def _go_on(self) -> str:
        return f"go on with `sasa-nas resume {self._folder.path}`"

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

    @contextmanager
    def _keeping_failure(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.failure = self.failure or error

    def save(self, checkpoint_path: str) -> None:
        """Nothing: what the run keeps is all there is to keep."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, likewise."""

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its searcher; ours holds an open file and is never restored."""
        return {}

    def _task(self, proposal: Proposal) -> TrainingTask:
        settings = self._plan.settings
        return TrainingTask(
            operators=loaded_operators(),
            number=proposal.number,
            folder=self._folder.trial(proposal.number).path.resolve(),
            storage=self._files.url(proposal.number),
            architecture=proposal.design.architecture,
            full_size=proposal.design.full_size,
            proxy=self._plan.sent_proxy,
            data_dir=(settings.data_dir or default_data_dir()).resolve(),
            seed=proposal.request.seed,
            threads=settings.cpus_per_trial,
            device="cuda" if settings.gpus_per_trial else "cpu",
            proposed=time.time(),
            request=MeasurementRequest.of(self._plan, proposal.request.arm),
        )


def _report(result: dict[str, Any] | None) -> TrainingReport | None:
    if not result or REPORT not in result:
        return None
    return TrainingReport.model_validate_json(result[REPORT])
