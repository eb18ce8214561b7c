"""Worth of FLOPs in a run: the accuracy that the all-convolution network gains by FLOPs spent on width.

An operator that raises accuracy and costs more is only worth its FLOPs if these would have bought less elsewhere. The
trainings of one network at several widths say what they buy: they hold all operators fixed, so that nothing an operator
decides is conditioned on, as it is where accuracy is regressed on operators and FLOPs together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sasa_nas.analysis.where.linear import CONFIDENCE, Estimate, Noise, coefficient_weights, independent
from sasa_nas.analysis.where.records import Exchange, Interval, WidthPoint
from sasa_nas.analysis.where.sample import LEAST_FREE, Sample
from sasa_nas.run import Arm, TrialRecord
from sasa_nas.run.designs import trained
from sasa_nas.surrogate.factors import Matrix, Vector

DEGREE = 2
"""Degree of a curve. A line would be narrower by some per cent, but wrong by more than that where accuracy levels off,
and whether it does a few trainings cannot tell: a rule that bends the curve only if a test says so is no better."""
LEAST_WIDTHS = DEGREE + 1
"""Fewest networks of different FLOPs that a curve is drawn through."""
LEAST_TRAININGS = DEGREE + 1 + LEAST_FREE
"""Fewest trainings that a curve is drawn through."""
_SPREAD = 0.5
"""Least range of a curve, in doublings of FLOPs."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Accuracy of the all-convolution network as a parabola over the logarithm of its FLOPs.

    Attributes:
        records: The N trainings.
        centre: Logarithm to base 2 of the FLOPs that powers are taken from.
        weights: (2, N), weights of the trainings in the coefficients of the first and the second power.
        noise: Noise of the trainings.
    """

    records: list[TrialRecord]
    centre: float
    weights: Matrix
    noise: Noise

    def powers(self, flops: Vector) -> Matrix:
        """Return the first and second power of the logarithms of FLOPs, `(M, 2)`.

        Args:
            flops: (M,), FLOPs of networks.
        """
        return _powers(np.log2(flops) - self.centre)

    def bought(self, change: Vector) -> Estimate:
        """Return the accuracy that a change of FLOPs buys, if it is spent on width.

        Args:
            change: (2,), change of each of `powers`.
        """
        if not change.any():
            return Estimate(0.0, 0.0, float(self.noise.df))
        found = self.noise.estimate(change @ self.weights)
        assert found is not None  # `curve_of` draws none through a training that has no other beside it
        return found

    @property
    def coefficients(self) -> Vector:
        """(2,), the coefficients of the first and the second power."""
        return np.array([self.bought(unit).value for unit in np.eye(DEGREE)])

    def per_doubling(self, flops: Vector) -> Estimate:
        """Return the accuracy that doubled FLOPs buy, on average over networks: the curve's mean slope there.

        Args:
            flops: (M,), FLOPs of the networks.
        """
        return self.bought(np.array([1.0, 2.0 * float(np.log2(flops).mean() - self.centre)]))


def widths_trained(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the trainings of the all-convolution network at other widths."""
    return [record for record in trained(records) if record.arm is Arm.WIDTH]


def curve_of(records: Sequence[TrialRecord]) -> Curve | None:
    """Return the curve through a run's trainings at several widths; None if they are too few.

    Args:
        records: All trials of a run.
    """
    found = widths_trained(records)
    if len(found) < LEAST_TRAININGS:
        return None
    logs = np.log2([float(record.flops or 1) for record in found])
    if len(set(logs.tolist())) < LEAST_WIDTHS or np.ptp(logs) < _SPREAD:
        return None
    centre = float(logs.mean())
    columns = np.hstack([np.ones((len(found), 1)), _powers(logs - centre)])
    if len(independent(columns)) <= DEGREE:
        return None
    noise = Noise(np.array([record.accuracy or 0.0 for record in found]), columns)
    weights: Matrix = coefficient_weights(columns)[1:]
    if any(noise.estimate(row) is None for row in weights):
        return None
    return Curve(found, centre, weights, noise)


def _powers(logs: Vector) -> Matrix:
    powers: Matrix = logs[:, None] ** np.arange(1, DEGREE + 1)
    return powers


def exchange_of(curve: Curve, sample: Sample) -> Exchange:
    """Return the exchange rate of accuracy and FLOPs at the designs of a sample.

    Args:
        curve: The curve.
        sample: The balanced designs.
    """
    flops = 1e9 * sample.flops
    rate = curve.per_doubling(flops)
    groups: dict[int, list[TrialRecord]] = {}
    for record in curve.records:
        groups.setdefault(record.flops or 0, []).append(record)
    points = [
        WidthPoint(
            multiplier=group[0].width_multiplier or 1.0,
            flops=cost,
            accuracy=float(np.mean([record.accuracy for record in group])),
            trainings=len(group),
        )
        for cost, group in sorted(groups.items())
    ]
    return Exchange(
        per_doubling=Interval(
            effect=rate.value, low=rate.low, high=rate.high, p=rate.p, p_adjusted=rate.p, star=rate.p < 1.0 - CONFIDENCE
        ),
        error=rate.error,
        points=points,
        trainings=len(curve.records),
        beyond=float(np.mean((flops < points[0].flops) | (flops > points[-1].flops))),
    )
