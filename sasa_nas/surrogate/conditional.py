"""The mixed model of networks given its three variances: means, variances and draws of the networks' own values."""

from dataclasses import dataclass

import numpy as np

from sasa_nas.surrogate.factors import Matrix, Vector


@dataclass(frozen=True, eq=False)
class Conditional:
    """The model given its variances.

    Attributes:
        noise: Standard deviation `s` between trainings of one network.
        network: Standard deviation `s_u` of networks around their columns' prediction.
        slope: Prior standard deviation `t` of the columns' coefficients.
        coefficients: (1 + p,), posterior mean of `b_0` and `b`.
        covariance: (1 + p, 1 + p), their posterior covariance.
        shrinkage: (N,), weight of a network's own residual in its prediction, 0 to 1.
        residual: (N,), posterior mean of `u`, given the coefficients' posterior mean.
        columns: (N, 1 + p), the networks' columns, with the intercept's first.
    """

    noise: float
    network: float
    slope: float
    coefficients: Vector
    covariance: Matrix
    shrinkage: Vector
    residual: Vector
    columns: Matrix

    @property
    def mean(self) -> Vector:
        """Posterior mean of `m`, of shape (N,)."""
        return self.columns @ self.coefficients + self.residual

    @property
    def variance(self) -> Vector:
        """Posterior variance of `m`, of shape (N,)."""
        # u_i given b has mean shrinkage * (y_i - z_i b), so that of z_i b a share of 1 - shrinkage is left in m_i
        return (1.0 - self.shrinkage) ** 2 * self._spread(self.columns) + self.network**2 * (1.0 - self.shrinkage)

    def predict(self, columns: Matrix) -> tuple[Vector, Vector]:
        """Return posterior mean and variance of networks by their columns, with the intercept's first."""
        return columns @ self.coefficients, self._spread(columns) + self.network**2

    def draws(self, count: int, generator: np.random.Generator, untrained: Matrix) -> Matrix:
        """Return draws from the joint posterior of `m`, and of that of M more networks, of shape (count, N + M).

        Args:
            count: Number of draws.
            generator: Source of randomness.
            untrained: (M, 1 + p), columns of networks that were never trained, with the intercept's first.
        """
        root = np.linalg.cholesky(self.covariance)
        offsets = generator.standard_normal((count, len(self.coefficients))) @ root.T
        own = generator.standard_normal((count, len(self.columns)))
        own *= self.network * np.sqrt(1.0 - self.shrinkage)
        drawn: Matrix = self.mean + offsets @ self.columns.T * (1.0 - self.shrinkage) + own
        if not len(untrained):
            return drawn
        others = (self.coefficients + offsets) @ untrained.T
        others += self.network * generator.standard_normal(others.shape)
        return np.concatenate([drawn, others], axis=1)

    def _spread(self, columns: Matrix) -> Vector:
        spread: Vector = ((columns @ self.covariance) * columns).sum(axis=1)
        return spread
