"""Reads the study.db of a run that an earlier version made; nothing is written beside it.

Runs were Optuna studies in SQLite. A copy in a private folder is opened, so that whatever its file holds reaches
nothing else; `study_guard` bounds what it may do there.
"""

import functools
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from sasa_nas.errors import one_line
from sasa_nas.files import LARGEST_STUDY, check_file
from sasa_nas.run.optuna_trials import RECORD, sampling_of
from sasa_nas.run.outcomes import Outcome
from sasa_nas.run.records import STUDY_NAME
from sasa_nas.run.stored_trial import StoredTrial, record_of_data
from sasa_nas.run.study_guard import check_study, tame

_OUTCOMES = {"WAITING": Outcome.WAITING, "RUNNING": Outcome.RUNNING}
"""Outcome of a trial that a killed process left without a record, by Optuna's state."""


def read_old_study(path: Path) -> list[StoredTrial]:
    """Return the trials of a study.db, by number.

    Args:
        path: The file; a journal or log that a killed process left beside it counts.

    Raises:
        ValueError: If it is no such file, or something in it is not what a search wrote.
    """
    check_study(path)
    with tempfile.TemporaryDirectory(prefix="sasa-nas-study-") as scratch:
        copy = Path(scratch) / path.name
        # Optuna checks nothing that it reads: of a file that it did not write, it raises errors of every type
        try:
            for suffix in ("", "-journal", "-wal"):
                beside = path.with_name(path.name + suffix)
                if os.path.lexists(beside):
                    check_file(beside, LARGEST_STUDY)
                    shutil.copyfile(beside, copy.with_name(copy.name + suffix), follow_symlinks=False)
            trials = _load(copy)
            stored = [_stored(trial) for trial in trials]
        except Exception as error:
            raise ValueError(_reason(error)) from error
    if [trial.record.number for trial in stored] != list(range(len(stored))):
        raise ValueError("trials are missing")
    return stored


def _load(path: Path) -> list[FrozenTrial]:
    storage = RDBStorage(
        "sqlite://", engine_kwargs={"creator": functools.partial(_connect, path)}, skip_table_creation=True
    )
    try:
        return optuna.load_study(study_name=STUDY_NAME, storage=storage).get_trials(deepcopy=False)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    try:
        tame(connection)
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _stored(trial: FrozenTrial) -> StoredTrial:
    kept = trial.user_attrs.get(RECORD, {})
    if not isinstance(kept, dict):
        raise ValueError(f"trial {trial.number}: {RECORD} is no object")
    # one that waits has its choices ahead of it
    choices: dict[str, Any] = trial.params or trial.system_attrs.get("fixed_params", {})
    outcome = _OUTCOMES.get(trial.state.name, Outcome.LOST)
    record = record_of_data({"outcome": outcome, **kept, "number": trial.number, "choices": choices})
    # Optuna has constraints with names from version 5 on
    sampling = sampling_of(trial, getattr(trial, "constraints", {}))
    return StoredTrial(record, sampling)


def _reason(error: BaseException) -> str:
    """Return what SQLite says, where Optuna wraps it; else the error's own message."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, sqlite3.Error):
            return one_line(inner)[:200]
        inner = inner.__cause__
    return one_line(error)[:200]
