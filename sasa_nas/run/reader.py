"""Reads a run's folder without writing to it and without running anything that lies in it."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sasa_nas.errors import UserError, one_line
from sasa_nas.files import LARGEST_RECORD, read_text
from sasa_nas.run.folder import RunFolder
from sasa_nas.run.operators import recall_operators
from sasa_nas.run.path_records import ONE_SHOT, one_shot_scores, read_path_lines
from sasa_nas.run.plain import check_run
from sasa_nas.run.records import RunInfo, TrialRecord
from sasa_nas.run.trial_log import read_log

Record = TypeVar("Record", bound=BaseModel)


class RunError(UserError):
    """A folder that is no run, or a run that cannot be read."""


def read_record(file: Path, kind: type[Record], missing: str) -> Record:
    """Return the content of a JSON file of a folder.

    Args:
        file: The file.
        kind: Type of the record in the file.
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

    Among a design's scores is what the run's supernet says of it, if there is one.

    Raises:
        RunError: If `folder` is not a run's, or its trials cannot be read.
    """
    read_info(folder)
    if folder.log.exists():
        file, read = folder.log, read_log
    elif folder.old_study.is_file():
        file, read = folder.old_study, _read_old
    else:
        raise RunError(f"{folder.path} holds no {folder.log.name}: its search did not get as far as a first trial")
    try:
        return _with_one_shot(read(file), folder)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise RunError(f"{file} is damaged or foreign: {reason[:200]}") from error


def _with_one_shot(records: list[TrialRecord], folder: RunFolder) -> list[TrialRecord]:
    """Return trials with what the run's supernet says of their designs, if it has one, among their scores."""
    if not folder.supernet.paths.exists():
        return records
    judged = one_shot_scores(read_path_lines(folder.supernet.paths))
    found: list[TrialRecord] = []
    for record in records:
        score = judged.get(record.architecture_id or "")
        scores = record.scores if score is None else record.scores | {ONE_SHOT: score}
        found.append(record.model_copy(update={"scores": scores}))
    return found


def _read_old(path: Path) -> list[TrialRecord]:
    # takes half a second to import
    from sasa_nas.run.old_study import read_old_study

    return [trial.record for trial in read_old_study(path)]
