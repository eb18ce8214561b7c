"""What a run's study.db holds, read apart from the engine, also while it writes."""

import optuna
from optuna.trial import FrozenTrial

from sasa_nas.run import Outcome, RunFolder, TrialRecord
from sasa_nas.run.attributes import record_of
from sasa_nas.run.records import STUDY_NAME
from sasa_nas.run.study_file import read_only_storage


def kept(folder: RunFolder) -> list[FrozenTrial]:
    storage = read_only_storage(folder.study)
    try:
        return optuna.load_study(study_name=STUDY_NAME, storage=storage).get_trials()
    finally:
        storage.remove_session()
        storage.engine.dispose()


def records(folder: RunFolder) -> list[TrialRecord]:
    return [record_of(trial) for trial in kept(folder)]


def outcomes(folder: RunFolder) -> dict[int, Outcome]:
    return {record.number: record.outcome for record in records(folder)}
