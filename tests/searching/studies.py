"""What a run holds, read apart from the engine, also while it writes: by Optuna's own API, and line by line."""

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from sasa_nas.run import Outcome, RunFolder, TrialRecord
from sasa_nas.run.records import STUDY_NAME
from sasa_nas.run.trial_log import read_log


def shown(folder: RunFolder) -> list[FrozenTrial]:
    """Return the trials of the run's Optuna study."""
    storage = JournalStorage(JournalFileBackend(str(folder.study)))
    return optuna.load_study(study_name=STUDY_NAME, storage=storage).get_trials()


def records(folder: RunFolder) -> list[TrialRecord]:
    return read_log(folder.log)


def outcomes(folder: RunFolder) -> dict[int, Outcome]:
    return {record.number: record.outcome for record in records(folder)}
