"""Accuracies of a table's networks without most of their seeds' luck, fitted to all its trainings together.

The mean of a network's few trainings is its true accuracy and the luck of their seeds, and the best of many networks is
the lucky one. A regression on what networks have in common, single options and pairs of them, averages the luck of all
trainings. What only three options or more do together is lost with it.
"""

import statistics
from itertools import combinations

import numpy as np
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import KFold, cross_val_predict

from sasa_nas.surrogate.factors import Matrix, Vector, factors_of, values_of
from sasa_nas.table import Table
from sasa_nas.table.reliability import final_accuracies

FOLDS = 32


def fitted_accuracies(table: Table) -> Vector:
    """Return the accuracy that a Bayesian ridge regression on options and pairs of options fits, of shape (N,).

    Source: MacKay (1992), Bayesian interpolation, Neural Computation 4 (3), by scikit-learn.
    """
    columns = pair_columns(table)
    means, trainings = _means_and_counts(table)
    fitted: Vector = BayesianRidge().fit(columns, means, sample_weight=trainings).predict(columns)
    return fitted


def left_out_error(table: Table) -> float:
    """Return the root mean square error of a training's accuracy, fitted to the trainings of other networks.

    A perfect fit's error is the standard deviation between seeds.
    """
    means, trainings = _means_and_counts(table)
    folds = KFold(min(FOLDS, len(means)), shuffle=True, random_state=0)
    predicted = cross_val_predict(
        BayesianRidge(), pair_columns(table), means, cv=folds, params={"sample_weight": trainings}
    )
    pairs = zip(final_accuracies(table), predicted, strict=True)
    squares = [(accuracy - fit) ** 2 for own, fit in pairs for accuracy in own]
    return float(np.sqrt(statistics.fmean(squares)))


def pair_columns(table: Table) -> Matrix:
    """Return centred columns of the options in which networks differ, and of all pairs of them, of shape (N, p)."""
    values = [values_of(row.architecture) for row in table.rows]
    single = [factor.columns(values) for factor in factors_of(values)]
    single = [columns - columns.mean(axis=0) for columns in single]
    pairs = [(one[:, :, None] * other[:, None, :]).reshape(len(values), -1) for one, other in combinations(single, 2)]
    return np.column_stack([*single, *pairs])


def _means_and_counts(table: Table) -> tuple[Vector, Vector]:
    """Return the mean of each network's trainings, and their number, both of shape (N,)."""
    finals = final_accuracies(table)
    return np.array([statistics.fmean(own) for own in finals]), np.array([float(len(own)) for own in finals])
