"""Stops trainings that others outdo: asynchronous successive halving for several objectives at once."""

import math
from collections.abc import Iterator, Mapping, Sequence

import moocore
import numpy as np
from numpy.typing import NDArray

from sasa_nas.searching.plan import SearchPlan

Losses = Sequence[float]
"""One network's objectives, each the smaller the better; the first may improve while it trains."""


def levels(*, epochs: int, grace: int, eta: int) -> tuple[int, ...]:
    """Return the epochs after which trainings are compared: `grace`, `grace * eta`, ... below `epochs`.

    Args:
        epochs: Epochs of a whole training.
        grace: Epochs that every training gets, at least 1.
        eta: Factor between levels, at least 2.
    """
    found = []
    level = grace
    while level < epochs:
        found.append(level)
        level *= eta
    return tuple(found)


class MultiObjectiveHalving:
    """Decides at each level whether a training goes on (ASHA, Li et al. 2020, arXiv 1810.05934, in its stopping form).

    A training goes on from a level while it is among the best `1 / eta` of all that have reached that level so far.
    With several objectives "best" is Pareto fronts one after the other, and within a front the network farthest from
    those already taken (as in epsilon-net ranking, Salinas et al. 2021, arXiv 2106.12639), so that the cheap end of
    the front survives beside the accurate one. Objectives are scaled to [0, 1] within a level.

    Args:
        levels: Epochs at which trainings are compared, from `levels`; with none, none is stopped.
        eta: Reduction factor: one of so many trainings goes on from a level.
        bound: Networks whose first objective is above it are of no interest: whatever their others, they come after
            all below it, the nearest to it first (constrained domination, Deb et al. 2002).
    """

    def __init__(self, levels: Sequence[int], *, eta: int, bound: float = math.inf) -> None:
        self.levels = tuple(levels)
        self._eta = eta
        self._bound = bound
        self._reached: dict[int, dict[int, Losses]] = {level: {} for level in self.levels}

    def remember(self, number: int, epoch: int, losses: Losses) -> None:
        """Enters what a trial of an earlier session reached, without a decision.

        Args:
            number: Number of the trial.
            epoch: One of the levels.
            losses: Losses of the trial at that level; they are ignored if one is not finite.
        """
        if epoch in self._reached and all(map(math.isfinite, losses)):
            self._reached[epoch][number] = tuple(losses)

    def goes_on(self, number: int, epoch: int, losses: Losses) -> bool:
        """Return whether a training goes on after this epoch. Asked again for the same level, nothing is entered twice.

        Args:
            number: Number of the trial.
            epoch: Epochs that the trial has trained.
            losses: Objectives after them; a number that is not finite stops the training.
        """
        if not all(map(math.isfinite, losses)):
            return False
        if epoch not in self._reached:
            return True
        reached = self._reached[epoch]
        reached[number] = tuple(losses)
        best = math.ceil(len(reached) / self._eta)
        place = list(reached).index(number)
        return _among(np.asarray(list(reached.values()), dtype=np.float64), place, best, self._bound)

    def sizes(self) -> Mapping[int, int]:
        """Return the number of trainings that have reached each level."""
        return {level: len(reached) for level, reached in self._reached.items()}


def ranks(losses: NDArray[np.float64], bound: float = math.inf) -> NDArray[np.int64]:
    """Each row's place, 0 the best: by Pareto front, and within a front by distance from those before it.

    A front begins with the row that is best in the first objective (of equals, in the next). Objectives are scaled
    to [0, 1] over all rows.

    Args:
        losses: `(n, objectives)`, the smaller the better, all finite.
        bound: Rows whose first objective is above it come last, by that objective alone.

    Returns:
        `(n,)`, a permutation of 0 to n - 1.
    """
    scaled = _scaled(losses)
    places = np.empty(len(losses), dtype=np.int64)
    place = 0
    for front in _fronts(losses, bound):
        for row in _spread(scaled[front]):
            places[front[row]] = place
            place += 1
    outside = np.flatnonzero(losses[:, 0] > bound)
    places[outside[np.argsort(losses[outside, 0], kind="stable")]] = np.arange(place, len(losses))
    return places


def _among(losses: NDArray[np.float64], row: int, best: int, bound: float) -> bool:
    """Return whether `ranks` puts a row among the `best` first; only its own front is put in order."""
    if losses[row, 0] > bound:
        return bool(ranks(losses, bound)[row] < best)
    before = 0
    for front in _fronts(losses, bound):
        if row in front:
            if before + len(front) <= best:
                return True
            return (
                before < best
                and before + _spread(_scaled(losses)[front]).index(int(np.flatnonzero(front == row)[0])) < best
            )
        before += len(front)
    raise AssertionError(row)


def _scaled(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    low, span = losses.min(axis=0), np.ptp(losses, axis=0)
    scaled: NDArray[np.float64] = (losses - low) / np.where(span > 0, span, 1.0)
    return scaled


def _fronts(losses: NDArray[np.float64], bound: float) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of each Pareto front, the best first, of those whose first objective is within `bound`."""
    rows = np.flatnonzero(losses[:, 0] <= bound)
    if not rows.size:
        return
    # in n log n, where comparing all with all took seconds after thousands of trials
    front_of = moocore.pareto_rank(losses[rows])
    order = np.argsort(front_of, kind="stable")
    yield from np.split(rows[order], np.flatnonzero(np.diff(front_of[order])) + 1)


def _spread(points: NDArray[np.float64]) -> list[int]:
    """Return the rows of a front: the best in the first objective, then always the one farthest from all before."""
    first = int(np.lexsort(points.T[::-1])[0])
    order = [first]
    distance = np.linalg.norm(points - points[first], axis=1)
    distance[first] = -1.0
    while len(order) < len(points):
        farthest = int(distance.argmax())
        order.append(farthest)
        distance = np.minimum(distance, np.linalg.norm(points - points[farthest], axis=1))
        distance[order] = -1.0
    return order


def halving_of(plan: SearchPlan) -> MultiObjectiveHalving:
    """Early stopping as the search's settings want it."""
    settings = plan.settings
    epochs = plan.space.proxy.recipe.epochs
    compared = levels(epochs=epochs, grace=settings.grace_epochs, eta=settings.eta) if settings.halving else ()
    bound = math.inf if settings.accuracy_floor is None else -settings.accuracy_floor
    return MultiObjectiveHalving(compared, eta=settings.eta, bound=bound)
