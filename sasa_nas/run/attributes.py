"""How a trial is kept in study.db: written and read in this file alone.

Optuna stores attributes as JSON. `optuna-dashboard` shows them beside each trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sasa_nas.run.records import Outcome, TrialRecord

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

ATTRIBUTE = "record"
"""The user attribute that holds what Optuna itself does not."""

_FIELDS = tuple(name for name in TrialRecord.model_fields if name not in ("number", "choices"))
"""Those that a study does not hold anyway."""


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
    return make_record(trial.number, trial.state.name, trial.user_attrs.get(ATTRIBUTE, {}), trial.params)


def make_record(number: Any, state: str, kept: Any, choices: Mapping[str, Any]) -> TrialRecord:
    """A trial's record from what the study holds of it, none of which need be what it should be.

    Args:
        number: The trial's.
        state: The name of its `optuna.trial.TrialState`.
        kept: The value of `ATTRIBUTE`.
        choices: Its parameters.

    Raises:
        ValueError: If they make no record.
    """
    if not isinstance(kept, dict):
        raise ValueError(f"trial {number}: {ATTRIBUTE} is no object")
    data = {name: kept[name] for name in _FIELDS if name in kept}
    # a trial that a killed process left without an outcome
    data.setdefault("outcome", {"WAITING": Outcome.WAITING, "RUNNING": Outcome.RUNNING}.get(state, Outcome.LOST))
    try:
        return TrialRecord.model_validate({"number": number, "choices": choices, **data})
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"]))
        raise ValueError(f"trial {number}: {place}: {detail['msg']}") from error
