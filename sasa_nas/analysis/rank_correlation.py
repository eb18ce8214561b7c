"""Kendall's rank correlation with bootstrap intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

RESAMPLES = 2000
"""Bootstrap samples of an interval."""
FEWEST = 5
"""Fewest networks of a correlation: with four, one order in twelve is perfect by chance."""


class RankCorrelation(BaseModel):
    """A rank correlation over networks.

    Attributes:
        tau: Kendall's tau-b, -1 to 1.
        low: Lower end of its 95 % bootstrap interval.
        high: Upper end.
        n: Number of networks.
    """

    model_config = ConfigDict(frozen=True)

    tau: float
    low: float
    high: float
    n: int


class Difference(BaseModel):
    """Difference of two rank correlations on the same networks.

    Attributes:
        value: Difference of the two taus.
        low: Lower end of its 95 % bootstrap interval; both taus are taken of the same resampled networks.
        high: Upper end.
    """

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float


def rank_correlation(x: Sequence[float], y: Sequence[float], *, seed: int = 0) -> RankCorrelation | None:
    """Compute Kendall's tau-b (Kendall 1945) of two quantities, with a percentile bootstrap interval.

    Networks are drawn with replacement, pairs of numbers together (Efron and Tibshirani 1993, chapters 6 and 13).
    Infinities rank as such; a network for which either value is NaN is left out.

    Args:
        x: One value per network.
        y: The other quantity, in the same order.
        seed: Seed of the resampling.

    Returns:
        The correlation; None if fewer than `FEWEST` networks are left, or all of them tie in `x` or in `y`.

    Raises:
        ValueError: If the lengths differ.
    """
    found = rank_correlations({"x": x}, y, seed=seed)
    return found.get("x")


def rank_correlations(
    predictors: Mapping[str, Sequence[float]], y: Sequence[float], *, seed: int = 0
) -> dict[str, RankCorrelation]:
    """Return the `rank_correlation` of each predictor with `y`, without those that have none."""
    found = {}
    for name, x in predictors.items():
        known = _known(x, y)
        signs = [_signs(np.asarray(side, dtype=np.float64)[known]) for side in (x, y)]
        count = int(known.sum())
        if count < FEWEST or not all(map(np.any, signs)):
            continue
        tau = float(_taus(np.ones((1, count)), *signs)[0])
        low, high = _interval(_taus(_resamples(count, seed), *signs))
        found[name] = RankCorrelation(tau=tau, low=low, high=high, n=count)
    return found


def rank_difference(
    x: Sequence[float], rival: Sequence[float], y: Sequence[float], *, seed: int = 0
) -> Difference | None:
    """Compute by how much the rank correlation of `x` with `y` exceeds that of `rival`.

    Both are computed on the same resampled networks, so that common variation cancels.

    Args:
        x: One value per network.
        rival: Another predictor, in the same order.
        y: The predicted quantity.
        seed: Seed of the resampling.

    Returns:
        The difference; None if fewer than `FEWEST` networks have all three, or one of the three ties everywhere.

    Raises:
        ValueError: If the lengths differ.
    """
    known = _known(x, y) & _known(rival, y)
    sides = [_signs(np.asarray(side, dtype=np.float64)[known]) for side in (x, rival, y)]
    count = int(known.sum())
    if count < FEWEST or not all(map(np.any, sides)):
        return None
    mine, theirs, truth = sides

    def gain(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return _taus(weights, mine, truth) - _taus(weights, theirs, truth)

    low, high = _interval(gain(_resamples(count, seed)))
    return Difference(value=float(gain(np.ones((1, count)))[0]), low=low, high=high)


def _known(x: Sequence[float], y: Sequence[float]) -> NDArray[np.bool_]:
    if len(x) != len(y):
        raise ValueError(f"expected as many numbers on both sides, got {len(x)} and {len(y)}")
    known: NDArray[np.bool_] = ~(np.isnan(np.asarray(x, dtype=float)) | np.isnan(np.asarray(y, dtype=float)))
    return known


def _signs(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the signs of all pairwise differences, `(n, n)`: 1 where the row's value is above the column's."""
    # by ranks, because infinities cannot be subtracted
    places = np.unique(values, return_inverse=True)[1].reshape(-1)
    signs: NDArray[np.float64] = np.sign(places[:, None] - places[None]).astype(np.float64)
    return signs


def _taus(weights: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute tau-b of resampled networks, where a network drawn twice counts as two that tie in both quantities.

    Args:
        weights: `(resamples, n)`, number of times that each network was drawn.
        x: `(n, n)`, from `_signs`.
        y: `(n, n)`, from `_signs`.

    Returns:
        `(resamples,)`; NaN where all drawn networks tie in one quantity.
    """

    def total(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
        counted: NDArray[np.float64] = ((weights @ pairs) * weights).sum(axis=1)
        return counted

    with np.errstate(invalid="ignore"):
        taus: NDArray[np.float64] = total(x * y) / np.sqrt(total(np.abs(x)) * total(np.abs(y)))
    return taus


def _resamples(count: int, seed: int) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    return generator.multinomial(count, np.full(count, 1.0 / count), size=RESAMPLES).astype(np.float64)


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)
