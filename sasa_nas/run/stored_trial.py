"""A trial as a line of trials.jsonl: its record, and what Optuna's samplers must know to learn from it again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from sasa_nas.run.records import TrialRecord

SAMPLING = "sampling"
"""The key of a line that holds a trial's `Sampling`; the others are the fields of its `TrialRecord`."""

Label = str | int | float | bool | None


class Numbers(BaseModel):
    """Numbers of which one was chosen, integers if all three are.

    Attributes:
        low: The smallest number.
        high: The largest number.
        step: Difference between neighbouring numbers.
    """

    model_config = ConfigDict(frozen=True)

    low: int | float
    high: int | float
    step: int | float


class Sampling(BaseModel):
    """Facts that Optuna's samplers must know of a trial, beside its record.

    Attributes:
        options: Options of each choice, labels or numbers, by the fork's name.
        constraints: Violation of each constraint that was measured; feasible at 0 and below.
        attributes: Notes of Optuna's own, such as the generation of an evolutionary sampler.
        begun: Time at which the trial was proposed.
        ended: Time at which it ended.
    """

    model_config = ConfigDict(frozen=True)

    options: dict[str, tuple[Label, ...] | Numbers] = {}
    constraints: dict[str, float] = {}
    attributes: dict[str, Any] = {}
    begun: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True)
class StoredTrial:
    """A trial as it is kept."""

    record: TrialRecord
    sampling: Sampling

    def to_line(self) -> bytes:
        """Return the trial as one line of JSON."""
        data = record_data(self.record) | {"choices": self.record.choices}
        data = {"number": self.record.number, **data}
        sampling = self.sampling.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(data | {SAMPLING: sampling}, allow_nan=False, separators=(",", ":")).encode() + b"\n"

    @staticmethod
    def of_data(data: dict[str, Any]) -> StoredTrial:
        """Return the trial that a line holds.

        Raises:
            ValueError: If the line holds none; the message names the trial and the field.
        """
        try:
            sampling = Sampling.model_validate(data.get(SAMPLING, {}))
        except ValidationError as error:
            raise ValueError(f"trial {data['number']}: {SAMPLING}.{_first(error)}") from error
        return StoredTrial(record_of_data(data), sampling)


def record_data(record: TrialRecord) -> dict[str, Any]:
    """Return a record as plain data without what is empty, its number and its choices, but with the design's id."""
    data = record.model_dump(mode="json", exclude={"number", "choices"}, exclude_none=True)
    return data | ({"architecture_id": record.architecture_id} if record.architecture_id else {})


def record_of_data(data: dict[str, Any]) -> TrialRecord:
    """Return the record that plain data holds, which anybody may have written.

    Raises:
        ValueError: If it holds none; the message names the trial and the field.
    """
    try:
        return TrialRecord.model_validate(data)
    except ValidationError as error:
        raise ValueError(f"trial {data['number']}: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    detail = error.errors()[0]
    return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
