"""Estimates from a linear model with heteroscedastic noise, with small-sample intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sasa_nas.analysis import student
from sasa_nas.surrogate.factors import Matrix, Vector

CONFIDENCE = 0.95
_TINY = 1e-8
_ROUNDING = 1e-10
"""Share of the largest observation below which a sum of observations is taken for rounding: float64 keeps 16 digits."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        value: The estimate.
        error: Standard error of the estimate.
        df: Degrees of freedom of its t distribution.
    """

    value: float
    error: float
    df: float

    @property
    def low(self) -> float:
        """The interval's lower end."""
        return self.value - self._half

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self.value + self._half

    @cached_property
    def _half(self) -> float:
        return student.quantile(0.5 + CONFIDENCE / 2, self.df) * self.error

    @cached_property
    def p(self) -> float:
        """Two-sided p-value."""
        if self.error <= 0.0:
            return float(self.value == 0.0)
        return 2.0 * student.upper_tail(abs(self.value) / self.error, self.df)

    def with_error_of(self, other: "Estimate") -> "Estimate":
        """Return the estimate with the error of an independent one added; degrees of freedom by Satterthwaite (1946).

        Args:
            other: Estimate of a part that `value` has in it already.
        """
        one, two = self.error**2, other.error**2
        if two <= 0.0:
            return self
        df = (one + two) ** 2 / (one**2 / self.df + two**2 / other.df)
        return Estimate(self.value, float(np.sqrt(one + two)), df)

    def scaled(self, factor: float) -> "Estimate":
        """Return the estimate multiplied by a positive factor."""
        return Estimate(self.value * factor, self.error * factor, self.df)


def basis(columns: Matrix) -> Matrix:
    """Return an orthonormal basis of the columns' span."""
    left, singular, _ = np.linalg.svd(columns, full_matrices=False)
    kept: Matrix = left[:, singular > _TINY * max(1.0, float(singular.max(initial=0.0)))]
    return kept


def independent(columns: Matrix) -> list[int]:
    """Return the indices of the columns that are linearly independent of those before them."""
    found: list[int] = []
    span = np.zeros((len(columns), 0))
    for i in range(columns.shape[1]):
        column = columns[:, i]
        rest = column - span @ (span.T @ column)
        rest -= span @ (span.T @ rest)
        size = float(np.linalg.norm(rest))
        if size > 1e-6 * max(1.0, float(np.linalg.norm(column))):
            found.append(i)
            span = np.column_stack([span, rest / size])
    return found


class Noise:
    """Noise of observations, estimated from the residuals of a linear model.

    Estimates are sums w'y over the observations. Their variance is estimated by sum of w_i^2 e_i^2 / (1 - h_i), with
    residuals e and leverages h of the model (HC2, MacKinnon and White 1985): where an observation is the mean of a
    design's trainings, this is the cluster-robust CR2 by design. Degrees of freedom are Bell and McCaffrey's (2002),
    by which the intervals keep their level in samples of tens.

    Args:
        observed: (N,), the observations.
        model: (N, P), the columns that explain them.
        pooled: Whether an observation that the model fits exactly has the variance of the others, on average; otherwise
            there is no estimate that rests on it.
    """

    def __init__(self, observed: Vector, model: Matrix, *, pooled: bool = False) -> None:
        span = basis(model)
        self._pooled = pooled
        self._observed = observed
        self._maker = np.eye(len(observed)) - span @ span.T
        self._free = np.diag(self._maker)
        self._rounding = _ROUNDING * float(np.abs(observed).max(initial=0.0))
        residuals = self._maker @ observed
        residuals[np.abs(residuals) <= self._rounding] = 0.0
        self._squares = residuals**2
        self.df = len(observed) - span.shape[1]
        """Residual degrees of freedom."""
        self.deviation = float(np.sqrt(residuals @ residuals / max(1, self.df)))
        """Standard deviation of an observation around the model."""

    def estimate(self, weights: Vector, drawn: Vector | None = None) -> Estimate | None:
        """Return the weighted sum of the observations.

        None if an observation of non-zero weight has leverage 1 and noise is not pooled, or all have.

        Args:
            weights: (N,), of the observations.
            drawn: (M,), independent deviations of a further sample, whose sum adds to the estimate's error.
        """
        squares = weights**2
        bound = self._free <= _TINY
        exact = float(squares[bound].sum())
        if exact > _TINY * float(squares.sum()) and not (self._pooled and self.df > 0):
            return None
        shares = np.where(bound, 0.0, squares / np.where(bound, 1.0, self._free))
        if self._pooled and self.df > 0:
            shares = shares + np.where(bound, 0.0, exact / self.df)
        spread = float(shares @ (self._maker**2) @ shares)
        if spread <= 0.0:
            return None
        df = float((shares * self._free).sum()) ** 2 / spread
        value = float(weights @ self._observed)
        # equal accuracies differ in their last binary digit once they are averaged and projected
        value = 0.0 if abs(value) <= self._rounding * float(np.abs(weights).sum()) else value
        further = 0.0 if drawn is None else float(drawn @ drawn)
        return Estimate(value, float(np.sqrt(shares @ self._squares + further)), df)


def coefficient_weights(columns: Matrix) -> Matrix:
    """Return the weights of the least-squares coefficients, `(P, N)`, one row per column; columns are independent."""
    weights: Matrix = np.linalg.pinv(columns).astype(np.float64, copy=False)
    return weights


def holm(chances: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's step-down procedure (1979), which controls the family-wise error rate."""
    adjusted = [1.0] * len(chances)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(chances)), key=lambda i: chances[i])):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[i]))
        adjusted[i] = highest
    return adjusted
