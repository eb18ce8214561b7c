"""Prediction of a table's networks from a few of its trainings, by a ridge regression on operators by stage."""

import math
import random
import statistics

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from study.tables import Studied

Vector = NDArray[np.float64]
DRAWS = 200
"""Random choices of trainings, over which tau is averaged."""
PENALTIES = tuple(10.0**power for power in range(-2, 5))


def operator_columns(studied: Studied) -> Vector:
    """Return (N, P): for each stage and operator but the first, 1 where a network has it there, less the mean."""
    columns = []
    for stage in range(len(studied.architectures[0].stages)):
        operators = [one.stages[stage].operator for one in studied.architectures]
        columns += [[float(one == other) for one in operators] for other in list(dict.fromkeys(operators))[1:]]
    found: Vector = np.array(columns).T
    centred: Vector = found - found.mean(0)
    return centred


def predicted(columns: Vector, trained: NDArray[np.int64], accuracies: Vector) -> Vector:
    """Return (N,), the accuracy that a ridge regression on some trainings predicts for every network.

    Args:
        columns: (N, P), the networks.
        trained: (T,), the trainings' networks; a network may have several.
        accuracies: (T,).

    The penalty is the one of `PENALTIES` with the least squared error of predictions that leave one training out.
    """
    seen = np.column_stack([np.ones(len(trained)), columns[trained]])
    everything = np.column_stack([np.ones(len(columns)), columns])
    best: tuple[float, Vector] = (math.inf, np.zeros(seen.shape[1]))
    for penalty in PENALTIES:
        shrunk = penalty * np.eye(seen.shape[1])
        shrunk[0, 0] = 0.0
        inverse = np.linalg.pinv(seen.T @ seen + shrunk)
        weights = inverse @ seen.T @ accuracies
        leverage = np.einsum("tp,pq,tq->t", seen, inverse, seen)
        left_out = (accuracies - seen @ weights) / np.maximum(1.0 - leverage, 1e-9)
        error = float(left_out @ left_out)
        if error < best[0]:
            best = error, weights
    return np.asarray(everything @ best[1])


def ridge_tau(studied: Studied, trainings: int) -> dict[str, float] | None:
    """Return how well so many trainings, by a ridge regression, sort networks by accuracies that it has not seen.

    Each of `DRAWS` draws takes the first seeds of a random order: one training of as many random networks, or, if there
    are more trainings than networks, of all of them and then the next seed's. The truth is the mean of the seeds that
    are left, of every network. Where networks have unlike numbers of seeds, a draw takes one training of each of some
    random networks, and the truth is the mean of all seeds of the others.

    Returns:
        Mean tau, and the quantiles of 2.5 and 97.5 per cent over the draws; None if no truth would be left.
    """
    if trainings < 2:
        return None
    even = len({len(row.seconds) for row in studied.table.rows}) == 1
    taus = _taus_by_seeds(studied, trainings) if even else _taus_by_networks(studied, trainings)
    if not taus:
        return None
    low, high = np.quantile(taus, [0.025, 0.975])
    return {"tau": statistics.fmean(taus), "low": float(low), "high": float(high), "trainings": trainings}


def _taus_by_seeds(studied: Studied, trainings: int) -> list[float]:
    """Return a tau for each draw from networks with the same seeds, by the seeds that are left."""
    finals = np.array([[course[-1] for course in row.accuracy] for row in studied.table.rows])
    networks, seeds = finals.shape
    used = math.ceil(trainings / networks)
    if used >= seeds:
        return []
    columns, draw = operator_columns(studied), random.Random(0)
    taus = []
    for _ in range(DRAWS):
        order = draw.sample(range(seeds), seeds)
        pairs = [(network, seed) for seed in order[:used] for network in draw.sample(range(networks), networks)]
        trained = np.array([network for network, _ in pairs[:trainings]])
        accuracies = np.array([finals[network, seed] for network, seed in pairs[:trainings]])
        taus.append(_tau(predicted(columns, trained, accuracies), finals[:, order[used:]].mean(1)))
    return taus


def _taus_by_networks(studied: Studied, trainings: int) -> list[float]:
    """Return a tau for each draw from networks with unlike seeds, by the networks that are left."""
    finals = [[course[-1] for course in row.accuracy] for row in studied.table.rows]
    if trainings > len(finals) - 2:
        return []
    columns, draw = operator_columns(studied), random.Random(0)
    taus = []
    for _ in range(DRAWS):
        order = draw.sample(range(len(finals)), len(finals))
        trained, others = np.array(order[:trainings]), np.array(order[trainings:])
        accuracies = np.array([draw.choice(finals[network]) for network in trained])
        taus.append(_tau(predicted(columns, trained, accuracies)[others], studied.means[others]))
    return taus


def _tau(told: Vector, truth: Vector) -> float:
    tau = float(stats.kendalltau(told, truth).statistic)
    # all alike: no order
    return 0.0 if math.isnan(tau) else tau
