"""Reliability of a single training in a table."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from sasa_nas.table.records import Table

CONFIDENCE = 0.95

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """Share of the variance of single trainings that is due to the networks, not to their seeds.

    Attributes:
        single: Intraclass correlation ICC(1) of one training, 0 to 1: the expected squared correlation between a
            training's result and its network's true value.
        low: Lower end of its 95 % interval.
        high: Upper end of the interval.
        between: Standard deviation of the networks' true values.
        within: Standard deviation between seeds of one network, pooled over networks.
        degrees: Degrees of freedom of `within`: trainings less networks.
        networks: Number of networks.
        trainings: Number of trainings.
        tau: Kendall's tau-b between two seeds, the mean over pairs of seeds; None where it has no value.
    """

    single: float
    low: float
    high: float
    between: float
    within: float
    degrees: int
    networks: int
    trainings: int
    tau: float | None

    def of_mean(self, trainings: int) -> float:
        """Return the reliability of the mean of several trainings (Spearman 1910, Brown 1910)."""
        return trainings * self.single / (1.0 + (trainings - 1) * self.single)


def estimate_reliability(values: Sequence[Sequence[float]]) -> Reliability | None:
    """Estimate the reliability of one training by a one-way random-effects analysis of variance.

    The variance between networks is the analysis of variance's unbiased estimate for groups of unequal sizes, zero
    where that is negative (Searle, Casella and McCulloch 1992, "Variance Components", 3.6; ICC(1) of Shrout and Fleiss
    1979). The interval is Wald's (1940, "A note on the analysis of variance with unequal class frequencies"), exact
    for normal values and any group sizes; for equal ones it is that of Shrout and Fleiss.

    Args:
        values: One group per network, with one number per training, in the order of seeds. Groups may differ in size.

    Returns:
        The reliability; None if fewer than two networks are given, none has two trainings, or all numbers are equal.
    """
    groups = [np.asarray(group, dtype=np.float64) for group in values]
    sizes = np.array([len(group) for group in groups], dtype=np.float64)
    networks, trainings = len(groups), int(sizes.sum())
    if networks < 2 or trainings == networks:
        return None
    means = np.array([group.mean() for group in groups])
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups) / (trainings - networks)
    between = float(sizes @ (means - sizes @ means / trainings) ** 2) / (networks - 1)
    if between == within == 0.0:
        return None
    size = (trainings - float(sizes @ sizes) / trainings) / (networks - 1)
    variance = max(0.0, (between - within) / size)
    low, high = _interval(means, sizes, within)
    return Reliability(
        single=variance / (variance + within),
        low=low,
        high=high,
        between=math.sqrt(variance),
        within=math.sqrt(within),
        degrees=trainings - networks,
        networks=networks,
        trainings=trainings,
        tau=tau_between_seeds(values),
    )


@dataclass(frozen=True)
class Consistency:
    """Reliability of a single training among trainings of one seed, which shifts all networks alike.

    Attributes:
        single: Intraclass correlation ICC(3,1), 0 to 1.
        low: Lower end of its 95 % interval.
        high: Upper end of the interval.
        within: Standard deviation of the residual, beyond the effects of network and seed.
        seeds: Standard deviation of the shifts between seeds.
        networks: Number of networks.
        trainings: Number of trainings of each network, each with another seed.
    """

    single: float
    low: float
    high: float
    within: float
    seeds: float
    networks: int
    trainings: int


def estimate_consistency(values: Sequence[Sequence[float]]) -> Consistency | None:
    """Estimate the reliability of one training at equal seeds by a two-way analysis of variance.

    A seed determines the order of the data and common parts of the initial weights, so that it shifts all networks
    together. Networks that are compared at the same seed are compared without that shift (ICC(3,1) of Shrout
    and Fleiss 1979, with the interval given there).

    Args:
        values: Results as for `estimate_reliability`. Only networks with the largest number of trainings are taken.

    Returns:
        The reliability; None if fewer than two networks have two trainings or more, or all numbers are equal.
    """
    most = max(map(len, values), default=0)
    table = np.array([group for group in values if len(group) == most], dtype=np.float64)
    if most < 2 or len(table) < 2:
        return None
    networks, seeds = table.shape
    rows, columns, whole = table.mean(1, keepdims=True), table.mean(0, keepdims=True), table.mean()
    between = seeds * float(((rows - whole) ** 2).sum()) / (networks - 1)
    shifts = networks * float(((columns - whole) ** 2).sum()) / (seeds - 1)
    degrees = (networks - 1) * (seeds - 1)
    residual = float(((table - rows - columns + whole) ** 2).sum()) / degrees
    if between == residual == 0.0:
        return None
    if residual == 0.0:
        single = low = high = 1.0
    else:
        ratio, tail = between / residual, (1.0 - CONFIDENCE) / 2
        ends = (
            ratio / float(stats.f.isf(tail, networks - 1, degrees)),
            ratio * float(stats.f.isf(tail, degrees, networks - 1)),
        )
        single, low, high = (max(0.0, (one - 1.0) / (one + seeds - 1.0)) for one in (ratio, *ends))
    return Consistency(
        single=single,
        low=low,
        high=high,
        within=math.sqrt(residual),
        seeds=math.sqrt(max(0.0, (shifts - residual) / networks)),
        networks=networks,
        trainings=seeds,
    )


def _interval(means: Vector, sizes: Vector, within: float) -> tuple[float, float]:
    """Return Wald's interval of the intraclass correlation.

    With theta the ratio of the variances between and within, a network's mean has variance `within / w`, where
    `w = n / (1 + n theta)`; the weighted mean square of the means over `within` has an F distribution and falls as
    theta grows. The ends are the thetas at which it meets the quantiles of F.
    """
    if within == 0.0:
        return 1.0, 1.0
    degrees = len(means) - 1, int(sizes.sum()) - len(means)

    def ratio(theta: float) -> float:
        weights = sizes / (1.0 + sizes * theta)
        centre = weights @ means / weights.sum()
        return float(weights @ (means - centre) ** 2) / degrees[0] / within

    tail = (1.0 - CONFIDENCE) / 2
    low, high = (_crossing(ratio, float(stats.f.isf(chance, *degrees))) for chance in (tail, 1.0 - tail))
    return low / (1.0 + low), high / (1.0 + high)


def _crossing(falling: Callable[[float], float], level: float) -> float:
    """Return the non-negative number at which a falling function meets a positive level; 0 if it starts below."""
    if falling(0.0) <= level:
        return 0.0
    end = 1.0
    while falling(end) > level:
        end *= 2.0
    return float(optimize.brentq(lambda theta: falling(theta) - level, 0.0, end))


def tau_between_seeds(values: Sequence[Sequence[float]]) -> float | None:
    """Return the mean, over pairs of seeds, of Kendall's tau-b between the networks' results with either seed.

    Args:
        values: Results as for `estimate_reliability`; a pair of seeds is compared on the networks that have both.

    Returns:
        The mean; None if no pair of seeds orders any two networks.
    """
    taus = []
    for one, other in combinations(range(max(map(len, values), default=0)), 2):
        both = [(group[one], group[other]) for group in values if len(group) > other]
        if any(len(set(side)) < 2 for side in zip(*both, strict=True)):
            continue
        taus.append(float(stats.kendalltau(*zip(*both, strict=True)).statistic))
    return statistics.fmean(taus) if taus else None


def final_accuracies(table: Table) -> list[tuple[float, ...]]:
    """Return the accuracies after the last epoch, one group per network, one number per seed."""
    return [tuple(course[-1] for course in row.accuracy) for row in table.rows]


def final_losses(table: Table) -> list[tuple[float, ...]] | None:
    """Return the validation losses after the last epoch, like `final_accuracies`; None if the table has none."""
    losses = [tuple(course[-1] for course in row.validation_loss or ()) for row in table.rows]
    return losses if all(losses) else None
