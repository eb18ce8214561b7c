"""Reads a run's folder without writing to it and without running anything that lies in it."""

from pathlib import Path
from urllib.parse import quote

import optuna
from optuna.storages import RDBStorage
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from sasa_nas.errors import UserError, one_line
from sasa_nas.run.attributes import record_of
from sasa_nas.run.folder import RunFolder
from sasa_nas.run.records import STUDY_NAME, RunInfo, TrialRecord


class RunError(UserError):
    """A folder that is no run, or a run that cannot be read."""


def read_info(folder: RunFolder) -> RunInfo:
    """What a run was asked to do.

    Raises:
        RunError: If `folder` is not a run's, or its run.json cannot be read.
    """
    try:
        text = folder.info.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RunError(f"{folder.path} is not a run: it has no run.json; `sasa-nas search` makes runs") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{folder.info} cannot be read: {one_line(error)}") from error
    try:
        return RunInfo.model_validate_json(text)
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"])) or "the file"
        raise RunError(f"{folder.info} is damaged or foreign: {place}: {detail['msg']}") from error


def read_trials(folder: RunFolder) -> list[TrialRecord]:
    """Every trial of a run, by number, also while its search is under way.

    Raises:
        RunError: If `folder` is not a run's, or its study.db cannot be read.
    """
    read_info(folder)
    if not folder.study.is_file():
        raise RunError(f"{folder.path} holds no study.db: its search did not get as far as a first trial")
    try:
        storage = RDBStorage(_read_only(folder.study), skip_table_creation=True)
        try:
            study = optuna.load_study(study_name=STUDY_NAME, storage=storage)
            return [record_of(trial) for trial in study.get_trials(deepcopy=False)]
        finally:
            storage.engine.dispose()
    except (SQLAlchemyError, KeyError, ValueError, RuntimeError, optuna.exceptions.OptunaError) as error:
        raise RunError(f"{folder.study} is damaged or foreign: {one_line(error)[:200]}") from error


def _read_only(path: Path) -> str:
    """A database address that SQLite opens for reading alone."""
    return f"sqlite:///file:{quote(str(path.resolve()))}?mode=ro&uri=true"
