"""Interactions of two stages over a whole table: the gain of attention in both beyond the sum of the two gains."""

from dataclasses import dataclass, replace
from itertools import combinations

from sasa_nas.analysis.where.linear import Estimate, holm
from study.main_effects import mean_weights, operators
from study.tables import BASELINE, Studied, has


@dataclass(frozen=True)
class Interaction:
    """Attention, of whatever kinds, in two stages.

    Attributes:
        stages: Both, from 0.
        effect: Mean accuracy with attention in both, less that with it in either alone, plus that with it in neither.
        p_adjusted: By Holm for all pairs of the table.
    """

    stages: tuple[int, int]
    effect: Estimate
    p_adjusted: float


def interactions(studied: Studied) -> list[Interaction]:
    """Return the interactions of all pairs of stages that have a choice."""
    networks = studied.architectures
    varied = [stage for stage in range(len(networks[0].stages)) if len(operators(studied, stage)) > 1]
    found = []
    for one, other in combinations(varied, 2):
        plain = has(networks, one, BASELINE), has(networks, other, BASELINE)
        both, first, second, neither = (
            mean_weights(a * b) for a in (1.0 - plain[0], plain[0]) for b in (1.0 - plain[1], plain[1])
        )
        found.append(Interaction((one, other), studied.estimate(both - first - second + neither), 1.0))
    adjusted = holm([one.effect.p for one in found])
    return [replace(one, p_adjusted=p) for one, p in zip(found, adjusted, strict=True)]
