"""The linear model of a sample: effects, raw and at matched FLOPs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sasa_nas.analysis.where.factors import Factor, Level, Matrix, Vector, factors_of
from sasa_nas.analysis.where.linear import Estimate, Noise, coefficient_weights, independent
from sasa_nas.analysis.where.sample import Sample

LEAST_FREE = 4
"""Designs that a model must leave over to judge the noise by, at least."""
SHARE_FREE = 1 / 3
"""Designs that a model must leave over, as a share of its columns, before it takes in more factors."""
_COLLINEAR = 1e-4
"""Share of the variance of log FLOPs that a factor must leave, for networks with other levels to have equal FLOPs."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """One level against its factor's baseline.

    Attributes:
        factor: The factor.
        level: The level.
        weights: (N,), sums observations to the effect.
        noise: What the effect is judged by.
        raw: The effect.
        matched: At equal FLOPs; None where FLOPs differ by this factor alone.
        extra_gflops: What the level costs more.
    """

    factor: Factor
    level: Level
    weights: Vector
    noise: Noise
    raw: Estimate
    matched: Estimate | None
    extra_gflops: float


@dataclass(frozen=True, eq=False)
class _Matched:
    """A regression of accuracy on one factor and log FLOPs: the weights of each level's effect, and the noise."""

    weights: dict[Level, Vector]
    noise: Noise


class Model:
    """Accuracy as a sum of effects of what differs between the networks of a sample.

    It takes in operators first, then what every network has, then what belongs to an operator, each kind only where
    enough designs are left over to judge the noise by. Options are drawn in balance, so that what is left out adds to
    the noise and not to the effects.

    Args:
        sample: Not empty.
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.factors = factors_of(sample.networks)
        self._ones = np.ones((len(sample.networks), 1))
        self._log_flops = np.log10(sample.flops)[:, None]
        self._own = {factor.name: factor.columns(sample.networks) for factor in self.factors}
        self.operators = [factor for factor in self.factors if factor.is_operator]
        """The kinds of operators of the stages, where they differ."""
        self.taken: list[Factor] = []
        """The factors that the model takes in."""
        for taken in (self.operators, [f for f in self.factors if f.within is None], self.factors):
            columns = self.columns(taken)
            if self.leaves_over(columns) if taken is self.operators else self.affords(columns):
                self.taken = taken

    @property
    def fits(self) -> bool:
        """Whether there are designs enough for the operators' effects."""
        return bool(self.taken)

    def columns(self, factors: Sequence[Factor]) -> Matrix:
        """(N, P): ones, and what each of these factors adds."""
        return np.hstack([self._ones, *(self._own[factor.name] for factor in factors)])

    def noise(self, columns: Matrix) -> Noise:
        """What estimates of these columns' coefficients are judged by."""
        if self.sample.covered:
            columns = (self.sample.design[:, None] == np.unique(self.sample.design)).astype(np.float64)
        return Noise(self.sample.accuracy, columns)

    def leaves_over(self, columns: Matrix) -> bool:
        """Whether columns leave the fewest designs that noise can be judged by."""
        return self._free(columns) >= LEAST_FREE

    def affords(self, columns: Matrix) -> bool:
        """Whether columns leave designs enough for so many of them."""
        free = self._free(columns)
        return free >= LEAST_FREE and free >= SHARE_FREE * (self.sample.designs - free)

    def _free(self, columns: Matrix) -> int:
        if self.sample.covered:
            return len(self.sample.networks) - self.sample.designs
        return self.sample.designs - len(independent(columns))

    @cached_property
    def contrasts(self) -> list[Contrast]:
        """Every effect that can be told; a level of too few designs is left out."""
        found = self._contrasts(self.taken, self.taken)
        for factor in self.factors:
            with_it = [*self.taken, factor]
            if factor not in self.taken and self.leaves_over(self.columns(with_it)):
                found += self._contrasts(with_it, [factor])
        return found

    def _contrasts(self, factors: Sequence[Factor], wanted: Sequence[Factor]) -> list[Contrast]:
        columns = self.columns(factors)
        labels = [(factor, level) for factor in factors for level in factor.contrasts]
        kept = independent(columns)
        rows = dict(zip(kept, coefficient_weights(columns[:, kept]), strict=True))
        noise = self.noise(columns)
        matched = {factor.name: self._matched(factor) for factor in wanted}
        found = []
        for place, (factor, level) in enumerate(labels, start=1):
            raw = noise.estimate(rows[place]) if place in rows and factor in wanted else None
            if raw is None:
                continue
            at_matched = matched[factor.name]
            weights = None if at_matched is None else at_matched.weights.get(level)
            found.append(
                Contrast(
                    factor=factor,
                    level=level,
                    weights=rows[place],
                    noise=noise,
                    raw=raw,
                    matched=None if at_matched is None or weights is None else at_matched.noise.estimate(weights),
                    extra_gflops=float(rows[place] @ self.sample.flops),
                )
            )
        return found

    def _matched(self, factor: Factor) -> _Matched | None:
        """The regression on this factor and log FLOPs alone; None where FLOPs differ by the factor alone.

        Whatever else differs enters by what it costs: the effect is what the level gives over spending its FLOPs on the
        space's other options. What the others do beyond that counts as noise.
        """
        within = [] if factor.within is None else [f for f in self.factors if f.name == factor.within[0]]
        columns = self.columns([factor, *within])
        rest = self._log_flops - columns @ (np.linalg.pinv(columns) @ self._log_flops)
        if float(rest.var()) <= _COLLINEAR * max(float(self._log_flops.var()), 1e-12):
            return None
        columns = np.hstack([columns, self._log_flops])
        kept = independent(columns)
        rows = dict(zip(kept, coefficient_weights(columns[:, kept]), strict=True))
        weights = {level: rows[i] for i, level in enumerate(factor.contrasts, start=1) if i in rows}
        return _Matched(weights, self.noise(columns))

    def together(self, contrasts: Sequence[Contrast]) -> tuple[Estimate | None, Estimate | None]:
        """The mean of several effects of one factor, raw and at matched FLOPs."""
        raw = contrasts[0].noise.estimate(np.mean([c.weights for c in contrasts], axis=0))
        matched = self._matched(contrasts[0].factor)
        if matched is None or any(c.level not in matched.weights for c in contrasts):
            return raw, None
        return raw, matched.noise.estimate(np.mean([matched.weights[c.level] for c in contrasts], axis=0))
