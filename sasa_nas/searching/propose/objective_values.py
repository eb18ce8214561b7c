"""Objectives of a network as numbers, for the study and for early stopping."""

import math
from collections.abc import Sequence
from typing import Literal

from sasa_nas.objectives import OBJECTIVES
from sasa_nas.run import TrialRecord


def directions(objectives: Sequence[str]) -> list[Literal["maximize", "minimize"]]:
    """Return the direction of each objective, in Optuna's words."""
    return [OBJECTIVES[objective].direction for objective in objectives]


def values(record: TrialRecord, objectives: Sequence[str]) -> list[float] | None:
    """Return the objectives of a trained network; None where one is not known."""
    found = [getattr(record, objective) for objective in objectives]
    return None if any(value is None for value in found) else [float(value) for value in found]


def losses(record: TrialRecord, accuracy: float, objectives: Sequence[str]) -> tuple[float, ...]:
    """Return the objectives of a network under training, each the smaller the better, the accuracy's first.

    Costs count by their decades, as in a front's hypervolume; all are known before a training begins. Accuracy under
    attack is known only after the last epoch, and an attack on a half-trained network would cost as much as an epoch
    and foretell little: early stopping judges by the others alone. Where robust networks are wanted that are less
    accurate than others as cheap, search without it.

    Args:
        record: Record that holds the network's costs.
        accuracy: Accuracy after the epochs trained so far.
        objectives: Objectives of the search.

    Returns:
        As many numbers for every network of a search; NaN for a cost of which nothing is known.
    """
    costs = (getattr(record, objective) for objective in objectives if not OBJECTIVES[objective].maximised)
    return (-accuracy, *(math.nan if cost is None else math.log(max(cost, _LEAST)) for cost in costs))


_LEAST = 1e-9
"""Below every cost, so that a logarithm can be taken."""
