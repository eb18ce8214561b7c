"""How a trial is kept in study.db: the names and types of its attributes, written and read in this file alone.

Optuna stores attributes as JSON. `optuna-dashboard` shows them beside each trial.
"""

from typing import Any

from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from sasa_nas.run.records import Outcome, TrialRecord

_FIELDS = (
    "architecture",
    "full_size",
    "accuracy",
    "flops",
    "params",
    "epochs",
    "seconds",
    "reason",
    "duplicate_of",
    "outcome",
)


def attributes(record: TrialRecord) -> dict[str, Any]:
    """The attributes that keep `record` in the study: JSON data, without what is empty."""
    data = record.model_dump(mode="json", include=set(_FIELDS), exclude_none=True)
    if record.architecture_id:
        data["architecture_id"] = record.architecture_id
    return data


def record_of(trial: FrozenTrial) -> TrialRecord:
    """The record of a trial as the study holds it.

    Raises:
        ValueError: If its attributes are not what `attributes` writes.
    """
    attrs = {name: trial.user_attrs[name] for name in _FIELDS if name in trial.user_attrs}
    attrs.setdefault("outcome", _outcome(trial.state))
    try:
        return TrialRecord.model_validate({"number": trial.number, "choices": trial.params, **attrs})
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"]))
        raise ValueError(f"trial {trial.number}: {place}: {detail['msg']}") from error


def _outcome(state: TrialState) -> Outcome:
    """The outcome of a trial that a killed process left without one."""
    return {TrialState.WAITING: Outcome.WAITING, TrialState.RUNNING: Outcome.RUNNING}.get(state, Outcome.LOST)
