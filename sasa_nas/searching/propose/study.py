"""A run's study: Optuna's sampler works on a copy in memory, and study.db gets every trial as a whole.

Optuna by itself writes a trial's parameters one transaction at a time. A process killed between two of them leaves
half a trial, and a trial of twenty parameters waits for the disk twenty times. Here only `TrialWriter` writes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from sasa_nas.run import RunFolder, SearchSettings, TrialRecord
from sasa_nas.run.attributes import attributes, record_of
from sasa_nas.run.records import STUDY_NAME
from sasa_nas.run.study_file import damaged, is_held, writing
from sasa_nas.run.study_tables import PATIENCE
from sasa_nas.run.trial_writer import TrialWriter
from sasa_nas.searching.propose.objective_values import directions
from sasa_nas.searching.propose.samplers import make_sampler
from sasa_nas.space.choosers import Label

STARTUP = 10
"""Trials that are balanced over the space's options before Optuna's sampler takes over, at least."""


class SearchStudy:
    """The trials of a search, with its objectives and its sampler. There is one writer.

    Args:
        settings: Of the search.
        file: The database; what is in it is loaded. Nothing is kept where it is left out.
    """

    def __init__(self, settings: SearchSettings, file: RDBStorage | None = None) -> None:
        self.settings = settings
        self._memory = optuna.create_study(
            study_name=STUDY_NAME,
            directions=directions(settings.objectives),
            sampler=make_sampler(settings.sampler, seed=settings.seed, startup=STARTUP),
        )
        self.line: list[Mapping[str, Label]] = []
        """The choices that `ask` comes out with next; they are not kept."""
        self._file: TrialWriter | None = None
        if file is not None:
            kept = optuna.create_study(
                study_name=STUDY_NAME,
                storage=file,
                load_if_exists=True,
                directions=directions(settings.objectives),
            )
            trials = kept.get_trials(deepcopy=False)
            for trial in trials:
                self._memory._storage.create_new_trial(self._memory._study_id, trial)
            self._file = TrialWriter(file, kept._study_id, {trial.number: trial._trial_id for trial in trials})

    def get_trials(self) -> list[FrozenTrial]:
        """All trials, by number."""
        return self._memory.get_trials(deepcopy=False)

    def records(self) -> list[TrialRecord]:
        """All trials, by number, as records."""
        return [record_of(trial) for trial in self.get_trials()]

    def record(self, number: int) -> TrialRecord:
        """One trial."""
        return record_of(self._memory._storage.get_trial(self._memory_id(number)))

    def ask(self) -> Trial:
        """A new trial, of the sampler's choice where nothing is in line.

        Nothing of it is in the file until `write` or `tell`, which must come before the next one is asked for.
        """
        return self.ask_for(self.line.pop(0)) if self.line else self._memory.ask()

    def ask_for(self, choices: Mapping[str, Label]) -> Trial:
        """A new trial with these choices, as `ask` makes it."""
        self._memory.enqueue_trial(dict(choices))
        return self._memory.ask()

    def request(self, record: TrialRecord, choices: Mapping[str, Label]) -> None:
        """Keeps a trial with these choices that waits to be taken up by its number.

        Args:
            record: Its number is the next one.
            choices: That it will make.
        """
        self._memory.enqueue_trial(dict(choices), user_attrs=attributes(record))
        self._sync(self._memory._storage.get_trial(self._memory_id(record.number)))

    def trial(self, number: int) -> Trial:
        """A trial that is under way, or is from now on; its parameters come back as they are."""
        self._memory._storage.set_trial_state_values(self._memory_id(number), TrialState.RUNNING)
        return Trial(self._memory, self._memory_id(number))

    def write(self, record: TrialRecord) -> None:
        """Keeps what is known of a trial under way.

        Raises:
            sqlalchemy.exc.DBAPIError: If the file is held by another program, or the disk is full.
        """
        self._sync(self._noted(record))

    def tell(self, record: TrialRecord, state: TrialState, values: list[float] | None = None) -> None:
        """Keeps the end of a trial.

        Args:
            record: What is known of it.
            state: What Optuna is to take it for.
            values: The objectives, of a trial that is `COMPLETE`.

        Raises:
            sqlalchemy.exc.DBAPIError: As `write`.
        """
        self._noted(record)
        self._memory.tell(record.number, values, state=state)
        self._sync(self._memory._storage.get_trial(self._memory_id(record.number)))

    def _noted(self, record: TrialRecord) -> FrozenTrial:
        """The trial in memory, once it has its record."""
        storage, trial = self._memory._storage, self._memory_id(record.number)
        for name, value in attributes(record).items():
            storage.set_trial_user_attr(trial, name, value)
        return storage.get_trial(trial)

    def _memory_id(self, number: int) -> int:
        return self._memory._storage.get_trial_id_from_study_id_trial_number(self._memory._study_id, number)

    def _sync(self, trial: FrozenTrial) -> None:
        """Brings the file to what a trial is in memory. A kill on the way leaves it as it was."""
        if self._file is not None:
            self._file.write(trial)


@contextmanager
def opened_study(folder: RunFolder, settings: SearchSettings, *, patience: float = PATIENCE) -> Iterator[SearchStudy]:
    """The study of a run for the length of a `with` block, made where there is none.

    Raises:
        UserError: As `writing`.
    """
    with writing(folder, patience=patience) as storage:
        try:
            study = SearchStudy(settings, storage)
            study.records()
        # of what a disk garbled, SQLite, Optuna and JSON raise errors of every type
        except Exception as error:
            if is_held(error):
                raise
            raise damaged(folder, error) from error
        yield study
