"""A run's trials as an Optuna study in the run's folder, for `optuna-dashboard` and other programs to show.

It follows from what the run keeps, is made anew by every session, and nothing of ours ever reads it: whatever happens
to it costs a search nothing but the view.
"""

import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import Trial

from sasa_nas.run import Outcome, RunFolder
from sasa_nas.run.optuna_trials import RECORD, attributes, distributions, frozen_of, state_of
from sasa_nas.run.records import STUDY_NAME
from sasa_nas.run.stored_trial import StoredTrial
from sasa_nas.searching.propose.batch import BatchBackend
from sasa_nas.searching.propose.samplers import NoSampler, constrain

UNFINISHED = (Outcome.WAITING, Outcome.RUNNING)


class StudyView:
    """An Optuna study that shows trials as they come.

    Args:
        folder: Folder of the run; an existing view is replaced.
        directions: Directions of the objectives.
    """

    def __init__(self, folder: RunFolder, directions: Sequence[Literal["maximize", "minimize"]]) -> None:
        self._folder = folder
        self._directions = directions
        self._study: optuna.Study | None = None
        self._shown = 0
        self._open: dict[int, Trial] = {}
        # another program may hold, change or remove the file, in every way there is: so it is below
        with suppress(Exception):
            self._study = self._make()

    def show(self, stored: StoredTrial, values: Sequence[float] | None) -> None:
        """Show what a trial is now, once `flush` is called.

        Args:
            stored: The trial; those before it were shown.
            values: Objectives of the trial, if it was trained to the end.
        """
        if self._study is not None:
            try:
                self._show(self._study, stored, values)
            except Exception:
                self._study = None

    def flush(self) -> None:
        """Write what is to be shown; nothing more is shown in this session once that fails."""
        if self._study is not None:
            try:
                self._backend.flush()
            except Exception:
                self._study = None

    def _make(self) -> optuna.Study:
        for path in (self._folder.study, self._folder.study_lock):
            path.unlink(missing_ok=True)  # a link itself, not what it leads to
        file = str(self._folder.study)
        self._backend = BatchBackend(JournalFileBackend(file, lock_obj=JournalFileOpenLock(file)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            storage = JournalStorage(self._backend)
            return optuna.create_study(
                study_name=STUDY_NAME, storage=storage, directions=self._directions, sampler=NoSampler()
            )

    def _show(self, study: optuna.Study, stored: StoredTrial, values: Sequence[float] | None) -> None:
        record = stored.record
        new = record.number == self._shown
        self._shown += new
        if new and record.outcome not in UNFINISHED:
            study.add_trial(frozen_of(stored, values))
            return
        if new:
            study.enqueue_trial(record.choices, user_attrs=attributes(record))
        if record.outcome is Outcome.WAITING:
            return
        trial = self._open.get(record.number) or study.ask(distributions(stored.sampling))
        if trial.number != record.number:
            raise ValueError(f"trial {record.number} is not the next to be taken up")
        self._open[record.number] = trial
        if not new:
            trial.set_user_attr(RECORD, attributes(record)[RECORD])
        if record.outcome is not Outcome.RUNNING:
            if stored.sampling.constraints:
                constrain(trial, stored.sampling.constraints)
            study.tell(trial, values, state=state_of(record))
            del self._open[record.number]
