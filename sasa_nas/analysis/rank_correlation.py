"""Kendall's rank correlation with bootstrap intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

RESAMPLES = 2000
"""Bootstrap samples of an interval."""
LARGE = 1000
"""Number of networks from which on intervals are computed in closed form: resampling takes time by its square."""
FEWEST = 5
"""Fewest networks of a correlation: with four, one order in twelve is perfect by chance."""
_CHUNK = 256
"""Rows of pairs at a time."""


class RankCorrelation(BaseModel):
    """A rank correlation over networks.

    Attributes:
        tau: Kendall's tau-b, -1 to 1.
        low: Lower end of its 95 % bootstrap interval.
        high: Upper end of the interval.
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
        high: Upper end of the interval.
    """

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float


def rank_correlation(x: Sequence[float], y: Sequence[float], *, seed: int = 0) -> RankCorrelation | None:
    """Compute Kendall's tau-b (Kendall 1945) of two quantities, with a percentile bootstrap interval.

    Networks are drawn with replacement, pairs of numbers together (Efron and Tibshirani 1993, chapters 6 and 13).
    Infinities rank as such; a network for which either value is NaN is left out. From `LARGE` networks on the interval
    is that of a normal distribution with the variance of resampling, by the infinitesimal jackknife (chapter 21).

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
        places = [_places(np.asarray(side, dtype=np.float64)[known]) for side in (x, y)]
        count = int(known.sum())
        if count < FEWEST or not all(map(np.any, places)):
            continue
        if count >= LARGE:
            tau, influence = _influence(*places)
            low, high = np.clip(_normal_interval(tau, influence), -1.0, 1.0)
        else:
            signs = [_signs(side) for side in places]
            tau = float(_taus(np.ones((1, count)), *signs)[0])
            low, high = _interval(_taus(_resamples(count, seed), *signs))
        found[name] = RankCorrelation(tau=tau, low=float(low), high=float(high), n=count)
    return found


def rank_difference(
    x: Sequence[float], rival: Sequence[float], y: Sequence[float], *, seed: int = 0
) -> Difference | None:
    """Compute by how much the rank correlation of `x` with `y` exceeds that of `rival`.

    Both are computed on the same resampled networks, so that common variation cancels.

    Args:
        x: One value per network.
        rival: Predictions of the other predictor, in the same order.
        y: The predicted quantity.
        seed: Seed of the resampling.

    Returns:
        The difference; None if fewer than `FEWEST` networks have all three, or one of the three ties everywhere.

    Raises:
        ValueError: If the lengths differ.
    """
    known = _known(x, y) & _known(rival, y)
    places = [_places(np.asarray(side, dtype=np.float64)[known]) for side in (x, rival, y)]
    count = int(known.sum())
    if count < FEWEST or not all(map(np.any, places)):
        return None
    if count >= LARGE:
        (own, influence), (other, further) = (_influence(side, places[2]) for side in places[:2])
        low, high = _normal_interval(own - other, influence - further)
        return Difference(value=own - other, low=low, high=high)
    mine, theirs, truth = (_signs(side) for side in places)

    def gain(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return _taus(weights, mine, truth) - _taus(weights, theirs, truth)

    low, high = _interval(gain(_resamples(count, seed)))
    return Difference(value=float(gain(np.ones((1, count)))[0]), low=low, high=high)


def _known(x: Sequence[float], y: Sequence[float]) -> NDArray[np.bool_]:
    if len(x) != len(y):
        raise ValueError(f"expected as many numbers on both sides, got {len(x)} and {len(y)}")
    known: NDArray[np.bool_] = ~(np.isnan(np.asarray(x, dtype=float)) | np.isnan(np.asarray(y, dtype=float)))
    return known


def _places(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rank of each value, from 0, the same for equal ones; infinities have one, too."""
    places: NDArray[np.int64] = np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return places


def _signs(places: NDArray[np.int64], rows: slice = slice(None)) -> NDArray[np.float64]:
    """Return the signs of pairwise differences, `(rows, n)`: 1 where the row's place is above the column's."""
    signs: NDArray[np.float64] = np.sign(places[rows, None] - places[None]).astype(np.float64)
    return signs


def _influence(x: NDArray[np.int64], y: NDArray[np.int64]) -> tuple[float, NDArray[np.float64]]:
    """Return tau-b, and its derivative by the weight of each network.

    Args:
        x: `(n,)`, from `_places`; not all equal.
        y: `(n,)`, from `_places`; not all equal.
    """
    both, ones, others = np.empty((3, len(x)))
    for start in range(0, len(x), _CHUNK):
        rows = slice(start, start + _CHUNK)
        one, other = _signs(x, rows), _signs(y, rows)
        both[rows], ones[rows], others[rows] = (one * other).sum(1), np.abs(one).sum(1), np.abs(other).sum(1)
    scale = np.sqrt(ones.sum() * others.sum())
    tau = float(both.sum() / scale)
    return tau, 2.0 * both / scale - tau * (ones / ones.sum() + others / others.sum())


def _normal_interval(value: float, influence: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of a statistic whose networks are drawn with replacement."""
    half = 1.959964 * float(np.sqrt(np.square(influence - influence.mean()).sum()))
    return value - half, value + half


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
