"""Linear model of a sample: effects, as trained or at equal FLOPs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sasa_nas.analysis.where.exchange import Curve
from sasa_nas.analysis.where.linear import Estimate, Noise, coefficient_weights, independent
from sasa_nas.analysis.where.sample import LEAST_FREE, Sample
from sasa_nas.analysis.where.scores import Beyond, Score, beyond_effects
from sasa_nas.surrogate.factors import Factor, Level, Matrix, Vector, factors_of

SHARE_FREE = 1 / 3
"""Residual degrees of freedom, as a share of its columns, that a model needs before it takes in more factors."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """A level compared with its factor's baseline.

    Attributes:
        factor: The factor.
        level: The level.
        weights: (N,), the weights of the observations in the effect.
        drawn: (M,), what each design of a sample that scores are known of adds to the effect's error; zeros if they are
            known of all designs, or of none.
        noise: Noise model of the effect.
        effect: The effect.
        extra_gflops: GFLOPs of the level beyond the baseline's.
        extra_doublings: Doublings of FLOPs from the baseline to the level.
    """

    factor: Factor
    level: Level
    weights: Vector
    drawn: Vector
    noise: Noise
    effect: Estimate
    extra_gflops: float
    extra_doublings: float


class Model:
    """Linear model of accuracy in the factors of a sample.

    It takes in operators first, then factors of all networks, then those within an operator, each group only if enough
    degrees of freedom remain to estimate the noise. Options are drawn in balance, so that omitted factors add to the
    noise and not to the effects.

    Args:
        sample: The observations; not empty.
        score: A score of all designs that sharpens effects; None without one.
        curve: Accuracy that FLOPs buy elsewhere. With it, effects are at equal FLOPs: those on accuracy beyond what
            each design's FLOPs buy, with the curve's error. None for effects as trained.
    """

    def __init__(self, sample: Sample, score: Score | None = None, curve: Curve | None = None) -> None:
        self.sample = sample
        self._score = score
        self._curve = curve
        self._observed = sample.accuracy
        if curve is not None:
            self._powers = curve.powers(1e9 * sample.flops)
            self._observed = sample.accuracy - self._powers @ curve.coefficients
        self.factors = factors_of(sample.networks)
        self._ones = np.ones((len(sample.networks), 1))
        self._own = {factor.name: factor.columns(sample.networks) for factor in self.factors}
        self.operators = [factor for factor in self.factors if factor.is_operator]
        """Factors that are the kind of operator of a stage."""
        self.taken: list[Factor] = []
        """The factors that the model takes in."""
        for taken in (self.operators, [f for f in self.factors if f.within is None], self.factors):
            columns = self.columns(taken)
            if self.leaves_over(columns) if taken is self.operators else self.affords(columns):
                self.taken = taken

    @property
    def fits(self) -> bool:
        """True if there are enough designs to estimate the operators' effects."""
        return bool(self.taken)

    def columns(self, factors: Sequence[Factor]) -> Matrix:
        """Return the design matrix, `(N, P)`: a column of ones, and those of each factor."""
        return np.hstack([self._ones, *(self._own[factor.name] for factor in factors)])

    def noise(self, columns: Matrix) -> Noise:
        """Return the noise model of estimates of these columns' coefficients."""
        if self.sample.covered:
            columns = (self.sample.design[:, None] == np.unique(self.sample.design)).astype(np.float64)
        return Noise(self._observed, columns, pooled=self.sample.covered)

    def estimate(self, noise: Noise, weights: Vector, drawn: Vector | None = None) -> Estimate | None:
        """Return a weighted sum of the observations, with the error of the curve if the model has one.

        Args:
            noise: Noise of the observations, from `noise`.
            weights: (N,), weights of the observations.
            drawn: Deviations of a further sample; see `Noise.estimate`.
        """
        found = noise.estimate(weights, drawn)
        if found is None or self._curve is None:
            return found
        # the designs' trainings and the curve's are different ones
        return found.with_error_of(self._curve.bought(weights @ self._powers))

    def weights(self, columns: Matrix) -> Matrix:
        """Return the weights of the coefficients of independent columns, `(P, N)`; every design weighs the same.

        Where observations are trainings, those of a design share its weight: by their numbers, designs that were
        trained more often would count for more of what the columns leave out, as of interactions.
        """
        if not self.sample.covered:
            return coefficient_weights(columns)
        _, first, design, counts = np.unique(
            self.sample.design, return_index=True, return_inverse=True, return_counts=True
        )
        weights: Matrix = coefficient_weights(columns[first])[:, design] / counts[design]
        return weights

    def leaves_over(self, columns: Matrix) -> bool:
        """Return True if a model of these columns has at least `LEAST_FREE` residual degrees of freedom."""
        return self._free(columns) >= LEAST_FREE

    def affords(self, columns: Matrix) -> bool:
        """Return True if a model of these columns leaves enough degrees of freedom to take in more factors."""
        free = self._free(columns)
        return free >= LEAST_FREE and free >= SHARE_FREE * (self.sample.designs - free)

    def _free(self, columns: Matrix) -> int:
        if self.sample.covered:
            return len(self.sample.networks) - self.sample.designs
        return self.sample.designs - len(independent(columns))

    @cached_property
    def contrasts(self) -> list[Contrast]:
        """Every effect that can be estimated, without levels of too few designs."""
        found = self._contrasts(self.taken, self.taken)
        for factor in self.factors:
            with_it = [*self.taken, factor]
            if factor not in self.taken and self.leaves_over(self.columns(with_it)):
                found += self._contrasts(with_it, [factor])
        return found

    def _contrasts(self, factors: Sequence[Factor], wanted: Sequence[Factor]) -> list[Contrast]:
        columns = self.columns(factors)
        labels = [(factor, level) for factor in factors for level in factor.contrasts]
        plain, _ = self._rows(columns)
        beyond = self._beyond(factors)
        rows, noise = self._rows(columns if beyond is None else np.hstack([columns, beyond.sample]))
        found = []
        for place, (factor, level) in enumerate(labels, start=1):
            if place not in rows or factor not in wanted:
                continue
            drawn = self._drawn(place, rows, beyond, columns.shape[1])
            effect = self.estimate(noise, rows[place], drawn)
            if effect is None:
                continue
            found.append(
                Contrast(
                    factor=factor,
                    level=level,
                    weights=rows[place],
                    drawn=drawn,
                    noise=noise,
                    effect=effect,
                    extra_gflops=float(plain[place] @ self.sample.flops),
                    extra_doublings=float(plain[place] @ np.log2(self.sample.flops)),
                )
            )
        return found

    def _rows(self, columns: Matrix) -> tuple[dict[int, Vector], Noise]:
        """Return the weights of the coefficients that can be told, by the place of their column, and the noise."""
        kept = independent(columns)
        return dict(zip(kept, self.weights(columns[:, kept]), strict=True)), self.noise(columns)

    @cached_property
    def _everywhere(self) -> dict[str, Matrix]:
        """Columns of the factors in the designs that have scores."""
        networks = [] if self._score is None else self._score.networks
        return {factor.name: factor.columns(networks) for factor in self.factors}

    def _beyond(self, factors: Sequence[Factor]) -> Beyond | None:
        """Return what the score says beyond the effects of these factors; None if nothing, or too little is trained."""
        if self._score is None:
            return None
        columns = self.columns(factors)
        ones = np.ones((len(self._score.networks), 1))
        everywhere = np.hstack([ones, *(self._everywhere[factor.name] for factor in factors)])
        beyond = beyond_effects(self._score, factors, columns, everywhere)
        if beyond is None or not self.leaves_over(np.hstack([columns, beyond.sample])):
            return None
        return beyond

    def _drawn(self, place: int, rows: Mapping[int, Vector], beyond: Beyond | None, width: int) -> Vector:
        """Return what each design of a sample that scores are known of adds to an effect's error."""
        if self._score is None or beyond is None or self._score.complete:
            return np.zeros(1)
        places = range(width, width + beyond.sample.shape[1])
        slopes = np.array([rows[i] @ self._observed if i in rows else 0.0 for i in places])
        drawn: Vector = beyond.weights[place] * (beyond.everywhere @ slopes)
        return drawn

    @cached_property
    def score_slopes(self) -> list[Estimate]:
        """Gains of accuracy with a standard deviation of each part of the score, beyond the effects."""
        beyond = self._beyond(self.taken) if self.taken else None
        if beyond is None:
            return []
        columns = self.columns(self.taken)
        rows, noise = self._rows(np.hstack([columns, beyond.sample]))
        slopes = [noise.estimate(row) for place, row in rows.items() if place >= columns.shape[1]]
        return [slope for slope in slopes if slope is not None]

    def mean_effect(self, contrasts: Sequence[Contrast]) -> Estimate | None:
        """Return the mean of several effects of one factor."""
        weights, drawn = np.mean([c.weights for c in contrasts], axis=0), np.mean([c.drawn for c in contrasts], axis=0)
        return self.estimate(contrasts[0].noise, weights, drawn)
