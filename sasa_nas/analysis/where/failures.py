"""Trainings that failed or collapsed, by operator: what a mean over the others does not tell."""

from collections.abc import Collection, Sequence

import numpy as np
from scipy.optimize import linprog

from sasa_nas.analysis.where.linear import independent
from sasa_nas.analysis.where.model import Model
from sasa_nas.analysis.where.records import OperatorTrainings
from sasa_nas.run import Outcome, TrialRecord
from sasa_nas.run.designs import trained
from sasa_nas.surrogate.factors import Matrix, Vector

FAILED = (Outcome.DIVERGED, Outcome.BROKEN, Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT)
"""Outcomes that a network is to blame for, as it would fail again; a worker that is lost is none."""
FAR = 5.0
"""Distance, in robust standard deviations, from which a training is an outlier: of 2 million normal ones, one is."""
_LEAST_DEVIATION = 0.01
"""Least standard deviation by which outliers are judged, so that nothing within five points of accuracy is one: where
half of the networks are at the ceiling, the others' common noise looks large beside theirs."""


def failures(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the balanced trainings that failed."""
    return [r for r in records if r.arm.in_balance and r.outcome in FAILED and r.architecture is not None]


def failures_as_chance(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the trials, with failed balanced trainings as if trained to the accuracy of guessing a class."""
    failed = {r.number: 1.0 / r.architecture.num_classes for r in failures(records) if r.architecture is not None}
    return [
        r.model_copy(update={"outcome": Outcome.TRAINED, "accuracy": failed[r.number]}) if r.number in failed else r
        for r in records
    ]


def outliers(model: Model) -> list[int]:
    """Return the numbers of the trials that lie far from what the others let expect.

    Expected is the fit with the least sum of absolute deviations, which a few collapsed trainings do not move, in the
    factors that the model takes in; far is `FAR` standard deviations, as the median deviation tells them.

    Args:
        model: The model of the run's balanced trainings.
    """
    units = model.sample.records
    columns = model.columns(model.taken)[[place for place, unit in enumerate(units) for _ in unit]]
    ones = [record for unit in units for record in unit]
    observed = np.array([record.accuracy or 0.0 for record in ones])
    residuals = np.abs(observed - columns @ least_absolute(columns, observed))
    free = len(ones) - len(independent(columns))
    # a fit of P columns meets P observations exactly, which tell nothing of the noise
    deviation = 1.4826 * float(np.median(np.sort(residuals)[-max(1, free) :]))
    far = residuals > FAR * max(deviation, _LEAST_DEVIATION)
    return [r.number for r, is_far in zip(ones, far, strict=True) if is_far]


def least_absolute(columns: Matrix, observed: Vector) -> Vector:
    """Return the coefficients of the fit with the least sum of absolute deviations, by linear programming."""
    count, width = columns.shape
    eye = np.eye(count)
    found = linprog(
        np.concatenate([np.zeros(width), np.ones(2 * count)]),
        A_eq=np.hstack([columns, eye, -eye]),
        b_eq=observed,
        bounds=[(None, None)] * width + [(0, None)] * (2 * count),
        method="highs",
    )
    coefficients: Vector = found.x[:width]
    return coefficients


def trainings_by_operator(records: Sequence[TrialRecord], outlying: Collection[int]) -> list[OperatorTrainings]:
    """Count balanced trainings, failures and outliers by stage and operator; empty if there are none of either."""
    failed = {r.number: r.outcome for r in failures(records)}
    if not failed and not outlying:
        return []
    counted = [r for r in trained(records) if r.arm.in_balance] + failures(records)
    found: dict[tuple[int, str], list[TrialRecord]] = {}
    for record in counted:
        for stage, part in enumerate(record.architecture.stages if record.architecture else ()):
            found.setdefault((stage, part.operator.kind), []).append(record)
    return [
        OperatorTrainings(
            stage=stage,
            operator=kind,
            trainings=len(group),
            failed=sum(r.number in failed for r in group),
            outliers=sum(r.number in outlying for r in group),
        )
        for (stage, kind), group in sorted(found.items())
    ]
