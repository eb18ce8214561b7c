"""How a trial is kept in study.db: written and read in this file alone.

Optuna stores attributes as JSON. `optuna-dashboard` shows them beside each trial.
"""

from typing import Any

from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from sasa_nas.run.records import Outcome, TrialRecord

ATTRIBUTE = "record"
"""The user attribute that holds what Optuna itself does not."""

_FIELDS = (
    "architecture",
    "full_size",
    "accuracy",
    "flops",
    "params",
    "memory",
    "latency",
    "latency_quartiles",
    "robust_accuracy",
    "scores",
    "epochs",
    "rungs",
    "seconds",
    "phases",
    "reason",
    "duplicate_of",
    "arm",
    "seed",
    "swap_of",
    "swapped_stage",
    "outcome",
)


def attributes(record: TrialRecord) -> dict[str, Any]:
    """The attributes that keep `record` in the study: one, because each costs a transaction of its own."""
    data = record.model_dump(mode="json", include=set(_FIELDS), exclude_none=True)
    if record.architecture_id:
        data["architecture_id"] = record.architecture_id
    return {ATTRIBUTE: data}


def record_of(trial: FrozenTrial) -> TrialRecord:
    """The record of a trial as the study holds it.

    Raises:
        ValueError: If its attribute is not what `attributes` writes.
    """
    kept = trial.user_attrs.get(ATTRIBUTE, {})
    if not isinstance(kept, dict):
        raise ValueError(f"trial {trial.number}: {ATTRIBUTE} is no object")
    data = {name: kept[name] for name in _FIELDS if name in kept}
    data.setdefault("outcome", _outcome(trial.state))
    try:
        return TrialRecord.model_validate({"number": trial.number, "choices": trial.params, **data})
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"]))
        raise ValueError(f"trial {trial.number}: {place}: {detail['msg']}") from error


def _outcome(state: TrialState) -> Outcome:
    """The outcome of a trial that a killed process left without one."""
    return {TrialState.WAITING: Outcome.WAITING, TrialState.RUNNING: Outcome.RUNNING}.get(state, Outcome.LOST)
