"""Stages that may be the one in which attention helps most."""

from collections.abc import Callable, Mapping

from sasa_nas.analysis import student
from sasa_nas.analysis.where.linear import CONFIDENCE, Estimate
from sasa_nas.surrogate.factors import Vector

Estimator = Callable[[Vector, Vector], Estimate | None]
"""Function that returns the estimate of a weighted sum of observations; see `Noise.estimate`."""


def best_stages(effects: Mapping[int, tuple[Vector, Vector]], estimator: Estimator) -> list[int]:
    """Return the stages that cannot be told from the one with the largest effect, which comes first.

    A stage is left out if its effect is smaller than the largest by a one-sided test at 5 %, shared among all
    comparisons (Bonferroni). The truly best stage is then left out in at most 5 % of runs: multiple comparisons with
    the best (Hsu 1984).

    Args:
        effects: The observations' weights in each stage's effect, and deviations of a further sample; see
            `Noise.estimate`.
        estimator: Function that returns the estimate of such an effect.
    """
    estimates = {stage: estimator(*effect) for stage, effect in effects.items()}
    known = {stage: estimate.value for stage, estimate in estimates.items() if estimate is not None}
    order = sorted(known, key=lambda stage: -known[stage])
    level = (1.0 - CONFIDENCE) / max(1, len(order) - 1)
    return order[:1] + [stage for stage in order[1:] if _chance(effects[order[0]], effects[stage], estimator) > level]


def _chance(larger: tuple[Vector, Vector], smaller: tuple[Vector, Vector], estimator: Estimator) -> float:
    """Return the one-sided p-value of a positive difference."""
    difference = estimator(larger[0] - smaller[0], larger[1] - smaller[1])
    if difference is None or difference.value <= 0.0:
        return 1.0
    if difference.error <= 0.0:
        return 0.0
    return student.upper_tail(difference.value / difference.error, difference.df)
