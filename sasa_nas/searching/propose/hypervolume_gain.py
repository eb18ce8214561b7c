"""Expected gains in hypervolume, where accuracies are drawn from a posterior and costs are exact.

Because costs are the same in all draws, so are the cells between them, in which no network begins or ceases to be
affordable. A candidate's gain is the sum, over the cells that it is affordable in, of what its accuracy is above the
best one there. Along one cost the best accuracy only rises, so that these cells lie side by side, and cumulative sums
tell all candidates' gains at once.
"""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

POINTS = 64
"""Points of each draw that stand for the cells of more than one cost, of which there are too many."""


def expected_gains(draws: Matrix, costs: Matrix, corner: Vector, least: float, incumbents: int) -> Vector:
    """Return the mean over draws of each candidate's gain, of shape (M,): exact for one cost or none.

    Source: the noisy expected hypervolume improvement of Daulton et al. (2021), arXiv 2105.08195.

    Args:
        draws: (S, N + M), accuracies of all networks, the N incumbents first.
        costs: (N + M, k), their costs, in the units that the hypervolume is measured in.
        corner: (k,), costs that the hypervolume is measured from.
        least: Accuracy that it is measured from.
        incumbents: N, the number of networks that gains are over, one at least.
    """
    if not len(corner):
        return _along_a_cost(draws, np.zeros(len(costs)), 1.0, least, incumbents)
    if len(corner) == 1:
        return _along_a_cost(draws, costs[:, 0], float(corner[0]), least, incumbents)
    return _over_costs(draws, costs, corner, least, incumbents)


def _along_a_cost(draws: Matrix, costs: Vector, corner: float, least: float, incumbents: int) -> Vector:
    edges = np.unique(costs[costs < corner])
    widths = np.diff(edges, append=corner)
    # a network that costs the corner or more is affordable in none of the cells
    firsts = np.searchsorted(edges, np.where(costs < corner, costs, np.inf))
    up_to = np.concatenate([[0.0], np.cumsum(widths)])
    gains = np.zeros(len(costs) - incumbents)
    for draw in draws:
        best = np.full(len(edges) + 1, least)
        np.maximum.at(best, firsts[:incumbents], draw[:incumbents])
        best = np.maximum.accumulate(best[:-1])
        volumes = np.concatenate([[0.0], np.cumsum(widths * best)])
        accuracies, first = draw[incumbents:], firsts[incumbents:]
        last = np.maximum(np.searchsorted(best, accuracies), first)
        gains += accuracies * (up_to[last] - up_to[first]) - (volumes[last] - volumes[first])
    return gains / len(draws)


def _over_costs(draws: Matrix, costs: Matrix, corner: Vector, least: float, incumbents: int) -> Vector:
    low = costs.min(axis=0)
    generator = np.random.default_rng(0)
    gains = np.zeros(len(costs) - incumbents)
    for draw in draws:
        points = low + generator.random((POINTS, len(corner))) * (corner - low)
        affordable = np.logical_and.reduce([p[:, None] >= c for p, c in zip(points.T, costs.T, strict=True)])
        best = np.where(affordable[:, :incumbents], draw[:incumbents], least).max(axis=1, initial=least)
        above = np.maximum(draw[incumbents:] - best[:, None], 0.0)
        gains += np.where(affordable[:, incumbents:], above, 0.0).sum(axis=0)
    return gains * float(np.prod(corner - low)) / POINTS / len(draws)
