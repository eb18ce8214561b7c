"""Reads a run's folder without writing to it and without running anything that lies in it."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import LARGEST_RECORD, read_text
from sasa_nas.run.attributes import make_record, record_of
from sasa_nas.run.folder import RunFolder
from sasa_nas.run.operators import recall_operators
from sasa_nas.run.plain import check_run
from sasa_nas.run.records import STUDY_NAME, RunInfo, TrialRecord
from sasa_nas.run.study_tables import read_rows

Record = TypeVar("Record", bound=BaseModel)


class RunError(UserError):
    """A folder that is no run, or a run that cannot be read."""


def read_record(file: Path, kind: type[Record], missing: str) -> Record:
    """What a JSON file of a folder holds.

    Args:
        file: The file.
        kind: What it should hold.
        missing: The message where there is no such file.

    Raises:
        RunError: If the file is missing, cannot be read, or holds something else.
    """
    try:
        text = read_text(file, LARGEST_RECORD)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(missing) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise RunError(f"{file} cannot be read: {reason}") from error
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"])) or "the file"
        raise RunError(f"{file} is damaged or foreign: {place[:100]}: {detail['msg'][:200]}") from error


def read_info(folder: RunFolder) -> RunInfo:
    """Return what a run was asked to do.

    Operators that are not the package's own become readable by the run's record of them; none of their code is
    executed.

    Raises:
        RunError: If `folder` is not a run's, or its run.json cannot be read.
        UserError: If parts of the run lie elsewhere.
    """
    check_run(folder)
    missing = f"{folder.path} is not a run: it has no run.json; `sasa-nas search` makes runs"
    info = read_record(folder.info, RunInfo, missing)
    recall_operators(info.operators)
    return info


def read_trials(folder: RunFolder) -> list[TrialRecord]:
    """Every trial of a run, by number, also while its search is under way.

    Raises:
        RunError: If `folder` is not a run's, or its study.db cannot be read.
    """
    read_info(folder)
    if not folder.study.is_file():
        raise RunError(f"{folder.path} holds no study.db: its search did not get as far as a first trial")
    try:
        rows = read_rows(folder.study)
        return _read_by_optuna(folder.study) if rows is None else [make_record(*row) for row in rows]
    # a file that Optuna did not write may hold anything anywhere: JSON too deep to read, a text for a number
    except Exception as error:
        raise RunError(f"{folder.study} is damaged or foreign: {one_line(error)[:200]}") from error


def _read_by_optuna(path: Path) -> list[TrialRecord]:
    """The trials in a database of another schema than `read_rows` knows, if this version of Optuna does."""
    # takes half a second to import
    import optuna

    from sasa_nas.run.study_file import database_reason, read_only_storage

    try:
        storage = read_only_storage(path)
        try:
            study = optuna.load_study(study_name=STUDY_NAME, storage=storage)
            return [record_of(trial) for trial in study.get_trials(deepcopy=False)]
        finally:
            storage.engine.dispose()
    # Optuna checks nothing that it reads: of a file that it did not write, it raises errors of every type
    except Exception as error:
        raise ValueError(database_reason(error)) from error
