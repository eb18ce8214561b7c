"""The trials of a search: kept in the run's folder, learned from by Optuna's sampler in memory, shown to others.

What is kept is the truth. A session builds the sampler's study from it, and the view of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import optuna
from optuna.trial import FrozenTrial, Trial

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import UnfitFile
from sasa_nas.run import Arm, Outcome, RunFolder, TrialRecord
from sasa_nas.run.old_study import read_old_study
from sasa_nas.run.optuna_trials import distributions, frozen_of, sampling_of, state_of
from sasa_nas.run.stored_trial import Sampling, StoredTrial
from sasa_nas.run.trial_log import TrialLog, write_log
from sasa_nas.searching.plan import SearchPlan
from sasa_nas.searching.propose.memory import MODELLING, MOST, remembered
from sasa_nas.searching.propose.objective_values import directions, values
from sasa_nas.searching.propose.samplers import NoSampler, constrain, make_sampler
from sasa_nas.searching.propose.view import StudyView
from sasa_nas.space.choosers import Label

STARTUP = 10
"""Trials that are balanced over the space's options before Optuna's sampler takes over, at least."""


@dataclass(frozen=True)
class OpenTrial:
    """A trial under way.

    Attributes:
        number: Number of the trial in the run; Optuna numbers its own.
        optuna: Optuna's trial, which makes the choices.
        constraints: Violation of each constraint, once it is measured; feasible at 0 and below.
    """

    number: int
    optuna: Trial
    constraints: dict[str, float] = field(default_factory=dict)


class SearchStudy:
    """The trials of a search, with its objectives and its sampler. There is one writer.

    Args:
        plan: Plan of the search.
        log: Log that trials are read from and appended to; None to keep none.
        view: View for other programs; None for none.

    Raises:
        ValueError: If a trial of the log is none of such a search.
    """

    def __init__(self, plan: SearchPlan, log: TrialLog | None = None, view: StudyView | None = None) -> None:
        self._sampler = plan.sampler.name
        self._settings = settings = plan.settings
        self._study = self._new_study(settings.seed)
        self._aside = optuna.create_study(directions=directions(settings.objectives), sampler=NoSampler())
        """Trials of networks outside the space, of which the sampler learns nothing."""
        self._learned = 0
        self.line: list[Mapping[str, Label]] = []
        """The choices that `ask` comes out with next; they are not kept."""
        self._log = log
        self._view = view
        self._stored: list[StoredTrial] = []
        self._open: dict[int, OpenTrial] = {}
        for stored in log.trials if log else ():
            self._stored.append(stored)
            self._show(stored)
        self._learn(self._finished())
        self._forget()
        if self._view is not None:
            self._view.flush()

    def _new_study(self, seed: int) -> optuna.Study:
        sampler = make_sampler(self._sampler, seed=seed, startup=STARTUP)
        return optuna.create_study(directions=directions(self._settings.objectives), sampler=sampler)

    def _finished(self) -> list[StoredTrial]:
        unfinished = (Outcome.RUNNING, Outcome.WAITING)
        return [s for s in self._stored if s.record.outcome not in unfinished and not s.record.arm.outside]

    def _learn(self, finished: Sequence[StoredTrial]) -> None:
        """Let the sampler know finished trials, and those under way."""
        known = {stored.record.number for stored in finished}
        for stored in self._stored:
            record = stored.record
            if record.number in known:
                self._study.add_trial(frozen_of(stored, self._values(record)))
            elif record.outcome is Outcome.RUNNING:
                earlier = self._open.get(record.number)
                if record.arm.outside and earlier is not None:
                    continue
                study = self._study_of(record.arm)
                study.enqueue_trial(record.choices)
                trial = study.ask(distributions(stored.sampling))
                self._open[record.number] = OpenTrial(record.number, trial, earlier.constraints if earlier else {})
        self._learned = len(known)

    def _forget(self) -> None:
        """Let the sampler go on in a study of less, once it knows more than it can model in time."""
        if self._sampler in MODELLING and self._learned > MOST:
            self._study = self._new_study(self._settings.seed + len(self))
            self._learn(remembered(self._finished(), self._settings.objectives))

    def __len__(self) -> int:
        """Return how many trials there are."""
        return len(self._stored)

    def records(self) -> list[TrialRecord]:
        """Return all trials, by number."""
        return [stored.record for stored in self._stored]

    def record(self, number: int) -> TrialRecord:
        """Return one trial."""
        return self._stored[number].record

    def ask(self) -> OpenTrial:
        """Return a new trial, of the sampler's choice where nothing is in line.

        Nothing of it is kept until `write` or `tell`, which must come before the next one is asked for.
        """
        return self.ask_for(self.line.pop(0)) if self.line else self._begin(len(self), self._study)

    def ask_for(self, choices: Mapping[str, Label], arm: Arm = Arm.SEARCH) -> OpenTrial:
        """Return a new trial of an arm with these choices, as `ask` does."""
        study = self._study_of(arm)
        study.enqueue_trial(dict(choices))
        return self._begin(len(self), study)

    def request(self, record: TrialRecord, choices: Mapping[str, Label]) -> None:
        """Keep a trial with these choices that waits to be taken up by its number.

        Args:
            record: Record of the trial, whose number is the next one.
            choices: Choices that the trial will make.
        """
        self._keep(StoredTrial(record.model_copy(update={"choices": dict(choices)}), Sampling()))

    def trial(self, number: int) -> OpenTrial:
        """Return a trial that is under way, or is from now on; its choices come back as they are."""
        if number not in self._open:
            study = self._study_of(self.record(number).arm)
            study.enqueue_trial(self.record(number).choices)
            self._begin(number, study)
        return self._open[number]

    def write(self, record: TrialRecord) -> None:
        """Keep what is known of a trial under way.

        Raises:
            UserError: If it cannot be written.
        """
        trial = self._open[record.number]
        known = self._study_of(record.arm).get_trials(deepcopy=False)[trial.optuna.number]
        self._keep(self._stored_of(record, known, trial.constraints))

    def tell(self, record: TrialRecord) -> None:
        """Keep the end of a trial under way.

        Raises:
            UserError: If it cannot be written.
        """
        trial = self._open.pop(record.number)
        if trial.constraints:
            constrain(trial.optuna, trial.constraints)
        ended = self._study_of(record.arm).tell(trial.optuna, self._values(record), state=state_of(record))
        self._keep(self._stored_of(record, ended, trial.constraints))
        if not record.arm.outside:
            self._learned += 1
            self._forget()

    def _study_of(self, arm: Arm) -> optuna.Study:
        return self._aside if arm.outside else self._study

    def _begin(self, number: int, study: optuna.Study) -> OpenTrial:
        self._open[number] = trial = OpenTrial(number, study.ask())
        return trial

    def _stored_of(self, record: TrialRecord, trial: FrozenTrial, constraints: Mapping[str, float]) -> StoredTrial:
        sampling = sampling_of(trial, constraints)
        if not trial.state.is_finished():
            sampling = sampling.model_copy(update={"attributes": {}})  # Optuna notes them anew in another session
        if record.number < len(self) and (begun := self._stored[record.number].sampling.begun):
            sampling = sampling.model_copy(update={"begun": begun})  # in an earlier session
        return StoredTrial(record.model_copy(update={"choices": trial.params}), sampling)

    def _values(self, record: TrialRecord) -> list[float] | None:
        known = record.outcome is Outcome.TRAINED and not record.arm.outside
        return values(record, self._settings.objectives) if known else None

    def _keep(self, stored: StoredTrial) -> None:
        if self._log is not None:
            self._log.append(stored)
        number = stored.record.number
        self._stored[number : number + 1] = [stored]
        self._show(stored)
        if self._view is not None:
            self._view.flush()

    def _show(self, stored: StoredTrial) -> None:
        if self._view is not None:
            self._view.show(stored, self._values(stored.record))


@contextmanager
def opened_study(folder: RunFolder, plan: SearchPlan) -> Iterator[SearchStudy]:
    """Open the study of a run for the length of a `with` block; it is made where there is none.

    The study of an earlier version is taken over; its file stays as it is, and is not read again.

    Raises:
        UserError: If the run's trials cannot be read or written.
    """
    try:
        if folder.old_study.is_file() and not folder.log.exists():
            write_log(folder.log, read_old_study(folder.old_study))
        log = TrialLog(folder.log, f"sasa-nas resume {folder.path}")
    except (ValueError, UnfitFile) as error:
        raise _damaged(folder, error) from error
    with log:
        try:
            study = SearchStudy(plan, log, StudyView(folder, directions(plan.settings.objectives)))
        # of trials that no search wrote, Optuna raises errors of every type
        except Exception as error:
            if not log.trials:
                raise
            raise _damaged(folder, error) from error
        yield study


def _damaged(folder: RunFolder, error: Exception) -> UserError:
    file = folder.log if folder.log.exists() else folder.old_study
    return UserError(
        f"{file} is damaged or foreign: {one_line(error)[:200]}; put back a copy of it, or search anew with another "
        f"--out: what was trained to the end stays in {folder.trials}"
    )
