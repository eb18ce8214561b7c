"""Expected gains in hypervolume, where accuracies are drawn from a posterior and costs are exact.

Because costs are the same in all draws, so are the cells between them, in which no network begins or ceases to be
affordable. A candidate's gain is the sum, over the cells that it is affordable in, of what its accuracy is above the
best one there.
"""

import moocore
import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

POINTS = 512
"""Points that stand for the cells of more than one cost, of which there are too many."""


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
    own = costs[:incumbents]
    losses = (np.column_stack([-draw[:incumbents], own]) for draw in draws)
    ever = np.any([moocore.is_nondominated(each, keep_weakly=False) for each in losses], axis=0)
    rows = np.concatenate([np.flatnonzero(ever), np.arange(incumbents, len(costs))])
    fronts = int(ever.sum())
    points, weights = _cells(costs[rows], corner)
    affordable = (points[:, None, :] >= costs[rows]).all(axis=2)
    gains = np.zeros(len(costs) - incumbents)
    for draw in draws[:, rows]:
        best = np.where(affordable[:, :fronts], draw[:fronts], least).max(axis=1, initial=least)
        above = np.maximum(draw[fronts:] - best[:, None], 0.0)
        gains += weights @ np.where(affordable[:, fronts:], above, 0.0)
    return gains / len(draws)


def _cells(costs: Matrix, corner: Vector) -> tuple[Matrix, Vector]:
    """Return the lowest corner of each cell, of shape (Q, k), and its volume; for several costs points of equal weight.

    Args:
        costs: (N, k), costs of networks.
        corner: (k,), costs above which nothing counts.
    """
    if not len(corner):
        return np.zeros((1, 0)), np.ones(1)
    if len(corner) == 1:
        edges = np.unique(costs[costs < corner])
        return edges[:, None], np.diff(edges, append=corner)
    low = costs.min(axis=0)
    points = low + np.random.default_rng(0).random((POINTS, len(corner))) * (corner - low)
    return points, np.full(POINTS, float(np.prod(corner - low)) / POINTS)
