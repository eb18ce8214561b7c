"""The learning curve of a trial, as its folder or its record keeps it."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sasa_nas.errors import one_line
from sasa_nas.files import LARGEST_CURVE, read_text
from sasa_nas.run.folder import RunFolder
from sasa_nas.run.outcomes import Outcome
from sasa_nas.run.reader import RunError
from sasa_nas.run.records import TrialRecord


@dataclass(frozen=True)
class Curve:
    """A network's accuracy on the validation part as it was trained.

    Attributes:
        epochs: Epochs done, ascending, from 1.
        accuracies: Accuracy after each of these epochs, in [0, 1].
    """

    epochs: tuple[int, ...]
    accuracies: tuple[float, ...]


def read_curve(folder: RunFolder, record: TrialRecord) -> Curve | None:
    """Return the curve in a trial's metrics.jsonl; without one, what the record itself has: its rungs and its end.

    Returns:
        None where nothing is known.

    Raises:
        RunError: If there is a metrics.jsonl, and it is damaged.
    """
    file = folder.trial(record.number).metrics
    if file.is_file():
        return _curve(dict(_points(file)))
    known = dict(record.rungs)
    if record.outcome is Outcome.TRAINED and record.accuracy is not None and record.epochs:
        known[record.epochs] = record.accuracy
    return _curve(known)


def _curve(known: dict[int, float]) -> Curve | None:
    if not known:
        return None
    epochs, accuracies = zip(*sorted(known.items()), strict=True)
    return Curve(epochs, accuracies)


def _points(file: Path) -> list[tuple[int, float]]:
    try:
        lines = read_text(file, LARGEST_CURVE).splitlines()
        return [_point(json.loads(line)) for line in lines]
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise RunError(f"{file} is damaged or foreign: {reason[:120]}") from error


def _point(data: Any) -> tuple[int, float]:
    epoch: Any = data.get("epoch") if isinstance(data, dict) else None
    accuracy: Any = data.get("accuracy") if isinstance(data, dict) else None
    if type(epoch) is not int or epoch < 1 or type(accuracy) not in (int, float) or not math.isfinite(accuracy):
        raise ValueError("a line holds no epoch and accuracy")
    return epoch, min(1.0, max(0.0, float(accuracy)))
