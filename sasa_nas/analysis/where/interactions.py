"""Interactions of attention in two stages, over all operators and operator by operator."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from sasa_nas.analysis.where.linear import Estimate, independent
from sasa_nas.analysis.where.model import SHARE_FREE, Model
from sasa_nas.analysis.where.sample import LEAST_FREE
from sasa_nas.surrogate.factors import BASELINE, Factor, Level, Matrix, Vector

ATTENTION = "attention"
"""Level that stands for all operators of a stage except convolution."""
_ESTIMABLE = 1e-6
"""Tolerance by which the share of a coefficient that a sample determines may differ from one."""


@dataclass(frozen=True)
class PairEstimate:
    """The interaction of attention in two stages.

    Attributes:
        factors: The two stages' operators.
        levels: The kinds, or `ATTENTION`.
        estimate: Mean accuracy with both, less that with either, plus that with convolution in both stages.
        n: Number of trainings with both.
    """

    factors: tuple[Factor, Factor]
    levels: tuple[Level, Level]
    estimate: Estimate
    n: int


def stage_interactions(model: Model) -> list[PairEstimate]:
    """Estimate the interaction of attention, of any kind, for each pair of stages."""
    found = []
    for one, other in _pairs(model):
        both = _attends(model, one) * _attends(model, other)
        columns = np.hstack([model.columns(model.taken), both[:, None]])
        kept = independent(columns)
        if columns.shape[1] - 1 not in kept or not model.leaves_over(columns):
            continue
        estimate = model.noise(columns).estimate(model.weights(columns[:, kept])[-1])
        if estimate is not None:
            levels = _attention_of(one), _attention_of(other)
            found.append(PairEstimate((one, other), levels, estimate, _trainings(model, both)))
    return found


def operator_interactions(model: Model) -> list[PairEstimate]:
    """Estimate the interaction of each pair of operators, for each pair of stages.

    All pairs of two stages' operators are estimated in one model; otherwise an interaction would be attributed to
    others. Stages of which the sample has too few designs for that are left out, and where each has one kind of
    attention only, of which `stage_interactions` tells.
    """
    return [
        pair for one, other in _pairs(model) if _several(one, other) for pair in _pair_interactions(model, one, other)
    ]


def more_designs(model: Model, size: int) -> int:
    """Return the least number of further designs until `operator_interactions` covers all stages and trained pairs.

    Args:
        model: Model of the sample so far.
        size: Number of designs of the space; if all are trained, 0 is returned.
    """
    wanted, designs = 0, model.sample.designs
    for one, other in _pairs(model):
        if not _several(one, other):
            continue
        if _columns_for(model, one, other) is None:
            count = len(independent(model.columns(model.operators))) + len(one.contrasts) * len(other.contrasts)
            wanted = max(wanted, count + max(LEAST_FREE, math.ceil(SHARE_FREE * count)))
            continue
        # a pair of operators is judged by two designs at least, and one more design adds to one pair of these stages
        trained = np.count_nonzero(_products(model, one, other).any(axis=0))
        missing = int(trained) - len(_pair_interactions(model, one, other))
        wanted = max(wanted, designs + missing if missing else 0)
    return max(1, min(wanted, size) - designs) if wanted else 0


def _pair_interactions(model: Model, one: Factor, other: Factor) -> list[PairEstimate]:
    """Return the interactions of two stages' pairs of operators, without those of too few designs."""
    columns = _columns_for(model, one, other)
    if columns is None:
        return []
    weights, noise = model.weights(columns), model.noise(columns)
    determined = np.einsum("pn,np->p", weights, columns)
    pairs = list(product(one.contrasts, other.contrasts))
    found = []
    for place, levels in enumerate(pairs, start=columns.shape[1] - len(pairs)):
        estimate = noise.estimate(weights[place]) if determined[place] > 1 - _ESTIMABLE else None
        if estimate is not None:
            found.append(PairEstimate((one, other), levels, estimate, _trainings(model, columns[:, place])))
    return found


def _columns_for(model: Model, one: Factor, other: Factor) -> Matrix | None:
    """Return the model's columns, then one per pair of operators; None if the sample is too small for so many."""
    pairs = _products(model, one, other)
    for factors in (model.taken, model.operators):
        columns: Matrix = np.hstack([model.columns(factors), pairs])
        if model.affords(columns):
            return columns
    return None


def _products(model: Model, one: Factor, other: Factor) -> Matrix:
    pairs = product(one.contrasts, other.contrasts)
    return np.column_stack([_has(model, one, a) * _has(model, other, b) for a, b in pairs])


def _pairs(model: Model) -> Iterator[tuple[Factor, Factor]]:
    return combinations([factor for factor in model.operators if factor.levels[0] == BASELINE], 2)


def _several(one: Factor, other: Factor) -> bool:
    return len(one.contrasts) * len(other.contrasts) > 1


def _has(model: Model, operator: Factor, level: Level) -> Vector:
    return np.array([float(network.get(operator.name) == level) for network in model.sample.networks])


def _attends(model: Model, operator: Factor) -> Vector:
    return np.array([float(network.get(operator.name, BASELINE) != BASELINE) for network in model.sample.networks])


def _attention_of(operator: Factor) -> Level:
    return operator.contrasts[0] if len(operator.contrasts) == 1 else ATTENTION


def _trainings(model: Model, both: Vector) -> int:
    return int(model.sample.counts @ both)
