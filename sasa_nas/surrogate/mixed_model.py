"""A linear mixed model of networks that are each trained a few times, by empirical Bayes.

Training j of network i ends at `y_ij = b_0 + x_i b + u_i + e_ij`, with `b ~ N(0, t^2)`, `u_i ~ N(0, s_u^2)` and
`e_ij ~ N(0, s^2)`. What is wanted is the network's own value `m_i = b_0 + x_i b + u_i`, without the chance of its
seeds. Given the three variances all is exact, and takes the time of a matrix of so many columns (Woodbury's identity),
because networks of equally many trainings enter by their sums of squares and products alone. The ratios `s_u^2 / s^2`
and `t^2 / s^2` are integrated over a grid, because without a network that is trained twice accuracies alone cannot tell
`s_u` from `s`; given these, `s^2` is estimated in closed form.

Source: Robinson (1991), That BLUP is a good thing: the estimation of random effects, Statistical Science 6 (1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sasa_nas.surrogate.conditional import Conditional
from sasa_nas.surrogate.factors import Matrix, Vector

PRIOR_RATIO = 0.5
"""Prior median of `s_u^2 / s^2` and of `t^2 / s^2`. With less, intervals are too short where no network is trained
twice and the columns leave as much as seeds do; with more, networks that do not differ keep more of their luck."""
PRIOR_WIDTH = 1.5
"""Prior standard deviation of the logarithms of these ratios."""
GRID = np.linspace(-2.5, 2.5, 9) * PRIOR_WIDTH + np.log(PRIOR_RATIO)
"""Values of the ratios' logarithms."""
NEGLIGIBLE = 1e-3
"""Parts of the mixture with less probability are left out."""
FLAT = 1e4
"""Prior variance of fixed coefficients, and of `b_0` around the mean of all networks, over `s^2`: next to no prior."""


@dataclass(frozen=True, eq=False)
class MixedModel:
    """A fitted model: a mixture over the ratios of its variances.

    Attributes:
        parts: The model for each pair of ratios that is not improbable.
        weights: Posterior probability of each.
        free: Degrees of freedom by which the noise is estimated.
    """

    parts: tuple[Conditional, ...]
    weights: Vector
    free: float

    @property
    def noise(self) -> float:
        """Standard deviation between trainings of one network."""
        return float(np.sqrt(self.weights @ [part.noise**2 for part in self.parts]))

    @property
    def network(self) -> float:
        """Standard deviation of networks around their columns' prediction."""
        return float(np.sqrt(self.weights @ [part.network**2 for part in self.parts]))

    @property
    def mean(self) -> Vector:
        """Posterior mean of `m`, of shape (N,)."""
        return self._mixed([(part.mean, part.variance) for part in self.parts])[0]

    @property
    def sd(self) -> Vector:
        """Posterior standard deviation of `m`, of shape (N,)."""
        return self._mixed([(part.mean, part.variance) for part in self.parts])[1]

    def predict(self, columns: Matrix) -> tuple[Vector, Vector]:
        """Return posterior mean and standard deviation of networks that were never trained.

        Args:
            columns: (M, p), their columns.
        """
        full = _with_intercept(columns)
        return self._mixed([part.predict(full) for part in self.parts])

    def combination(self, weights: Vector) -> tuple[float, float]:
        """Return posterior mean and standard deviation of a sum of coefficients.

        Args:
            weights: (p,), weight of each column's coefficient in the sum.
        """
        full = np.concatenate([[0.0], weights])
        parts = [
            (np.array([full @ part.coefficients]), np.array([full @ part.covariance @ full])) for part in self.parts
        ]
        mean, sd = self._mixed(parts)
        return float(mean[0]), float(sd[0])

    def draws(self, count: int, seed: int | Sequence[int] = 0, untrained: Matrix | None = None) -> Matrix:
        """Return draws from the joint posterior of `m`, and of that of M more networks, of shape (count, N + M).

        Args:
            count: Number of draws.
            seed: Seed of the draws.
            untrained: (M, p), columns of networks that were never trained; None for none.
        """
        generator = np.random.default_rng(seed)
        counts = generator.multinomial(count, self.weights)
        full = np.empty((0, 0)) if untrained is None else _with_intercept(untrained)
        parts = zip(self.parts, counts, strict=True)
        return np.concatenate([part.draws(int(n), generator, full) for part, n in parts])

    def _mixed(self, parts: list[tuple[Vector, Vector]]) -> tuple[Vector, Vector]:
        """Return mean and standard deviation of a mixture, from those and the variances of its parts."""
        means, variances = (np.array(each) for each in zip(*parts, strict=True))
        mean = self.weights @ means
        return mean, np.sqrt(self.weights @ (variances + (means - mean) ** 2))


def fit(means: Vector, counts: Vector, within: float, columns: Matrix, *, fixed: int = 0) -> MixedModel:
    """Fit the model.

    Args:
        means: (N,), mean of each network's trainings; two networks at least.
        counts: (N,), number of its trainings.
        within: Sum of squares of all trainings around their networks' means.
        columns: (N, p), what is known of each network, of about unit variance.
        fixed: Number of the first columns whose coefficients have next to no prior, so that nothing but the trainings
            says how large they are; less than the number of trainings less one.
    """
    sums = _Sums.of(means, counts, within, _with_intercept(columns), fixed)
    found = [sums.given(np.exp(network), np.exp(columns)) for network in GRID for columns in GRID]
    densities = np.array([ratios.density for ratios in found])
    weights = np.exp(densities - densities.max())
    weights = np.where(weights > NEGLIGIBLE * weights.sum(), weights, 0.0)
    # most of the time goes into covariances, and most parts are negligible
    parts = tuple(sums.conditional(ratios) for ratios, weight in zip(found, weights, strict=True) if weight > 0.0)
    return MixedModel(parts, weights[weights > 0.0] / weights.sum(), sums.free)


@dataclass(frozen=True, eq=False)
class _Ratios:
    """A pair of ratios, and how well it agrees with the data.

    Attributes:
        network: `s_u^2 / s^2`.
        columns: `t^2 / s^2`.
        density: Logarithm of their posterior density, up to a constant.
        variance: `s^2`, estimated given the ratios.
        root: (1 + p, 1 + p), Cholesky factor of the coefficients' posterior precision, times `s^2`.
        half: (1 + p,), this factor's solution for the moments.
    """

    network: float
    columns: float
    density: float
    variance: float
    root: npt.NDArray[np.floating]
    half: npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class _Sums:
    """The data of a fit, reduced to sums over networks of equally many trainings.

    Attributes:
        means: (N,), means of networks around their common `centre`.
        counts: (N,), numbers of trainings.
        columns: (N, 1 + p), with the intercept's first.
        kinds: (k,), the different numbers of trainings.
        sizes: (k,), numbers of networks of each.
        squares: (k, 1 + p, 1 + p), sums of products of their columns.
        moments: (k, 1 + p), sums of products of their columns and means.
        powers: (k,), sums of squares of their means.
        within: Sum of squares of trainings around their networks' means.
        centre: Mean of the networks' means.
        fixed: Number of columns, behind the intercept's, whose coefficients have next to no prior.
    """

    means: Vector
    counts: Vector
    columns: Matrix
    kinds: Vector
    sizes: Vector
    squares: Matrix
    moments: Matrix
    powers: Vector
    within: float
    centre: float
    fixed: int

    @property
    def free(self) -> float:
        """Degrees of freedom by which the noise is estimated."""
        return float(self.counts.sum()) - 1.0 - self.fixed

    @classmethod
    def of(cls, means: Vector, counts: Vector, within: float, columns: Matrix, fixed: int) -> "_Sums":
        """Return the sums of the arguments of `fit`."""
        centre = float(means.mean())
        centred = means - centre
        kinds, sizes = np.unique(counts, return_counts=True)
        groups = [(columns[counts == kind], centred[counts == kind]) for kind in kinds]
        return cls(
            means=centred,
            counts=counts,
            columns=columns,
            kinds=kinds,
            sizes=sizes.astype(np.float64),
            squares=np.array([x.T @ x for x, _ in groups]),
            moments=np.array([x.T @ y for x, y in groups]),
            powers=np.array([y @ y for _, y in groups]),
            within=within,
            centre=centre,
            fixed=fixed,
        )

    def given(self, network: float, columns: float) -> _Ratios:
        """Return how well two ratios agree with the data.

        Args:
            network: `s_u^2 / s^2`.
            columns: `t^2 / s^2`.
        """
        # all variances here are over s^2
        spread = network + 1.0 / self.kinds
        prior = np.full(self.columns.shape[1], columns)
        prior[: 1 + self.fixed] = FLAT
        precision = np.tensordot(1.0 / spread, self.squares, axes=1) + np.diag(1.0 / prior)
        root = np.linalg.cholesky(precision)
        half = np.linalg.solve(root, self.moments.T @ (1.0 / spread))
        # of trainings that are all equal, rounding alone would be left
        variance = max(float(self.powers @ (1.0 / spread) - half @ half + self.within) / self.free, 1e-16)
        determinant = self.sizes @ np.log(spread) + np.log(prior).sum() + 2.0 * np.log(np.diag(root)).sum()
        ratios = (np.log([network, columns]) - np.log(PRIOR_RATIO)) / PRIOR_WIDTH
        density = -0.5 * float(determinant + self.free * np.log(variance) + (ratios**2).sum())
        return _Ratios(network, columns, density, variance, root, half)

    def conditional(self, ratios: _Ratios) -> Conditional:
        """Return the model given two ratios."""
        inverse = np.linalg.inv(ratios.root)
        coefficients = inverse.T @ ratios.half
        shrinkage = ratios.network / (ratios.network + 1.0 / self.counts)
        residual = shrinkage * (self.means - self.columns @ coefficients)
        coefficients[0] += self.centre
        return Conditional(
            noise=float(np.sqrt(ratios.variance)),
            network=float(np.sqrt(ratios.variance * ratios.network)),
            slope=float(np.sqrt(ratios.variance * ratios.columns)),
            coefficients=coefficients,
            covariance=ratios.variance * (inverse.T @ inverse),
            shrinkage=shrinkage,
            residual=residual,
            columns=self.columns,
        )


def _with_intercept(columns: Matrix) -> Matrix:
    return np.column_stack([np.ones(len(columns)), columns])
