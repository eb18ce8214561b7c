"""What a search wants of a network, as numbers for the study and for early stopping."""

from collections.abc import Sequence
from typing import Literal

from sasa_nas.run import TrialRecord
from sasa_nas.run.records import Objective

_DIRECTIONS: dict[Objective, Literal["maximize", "minimize"]] = {
    "accuracy": "maximize",
    "flops": "minimize",
    "params": "minimize",
}


def directions(objectives: Sequence[Objective]) -> list[Literal["maximize", "minimize"]]:
    """Which way each objective should go, in Optuna's words."""
    return [_DIRECTIONS[objective] for objective in objectives]


def values(record: TrialRecord, objectives: Sequence[Objective]) -> list[float] | None:
    """The objectives of a trained network; None where one is not known."""
    found = [getattr(record, objective) for objective in objectives]
    return None if any(value is None for value in found) else [float(value) for value in found]


def losses(record: TrialRecord, accuracy: float, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """The objectives of a network under training, each the smaller the better, the accuracy's first.

    Args:
        record: Holds the costs.
        accuracy: After the epochs trained so far.
        objectives: Costs of which nothing is known are left out.
    """
    costs = (getattr(record, objective) for objective in objectives if objective != "accuracy")
    return (-accuracy, *(float(cost) for cost in costs if cost is not None))
