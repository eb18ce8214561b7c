"""Expected accuracies of a run's networks, and the chance that each is on the true front.

The best of many trainings was also lucky: a front of the accuracies that were seen promises more than its networks
keep. The model here sees all trainings at once, and takes a network's own ones for no more than they tell.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sasa_nas.objectives import DEFAULT_OBJECTIVES, OBJECTIVES
from sasa_nas.run import TrialRecord
from sasa_nas.run.designs import Designs
from sasa_nas.space import Architecture
from sasa_nas.surrogate.factors import Factor, Matrix, Values, Vector, factors_of, values_of
from sasa_nas.surrogate.mixed_model import MixedModel, fit

LEAST = 8
"""Fewest networks that a model is made of."""
DRAWS = 2000
"""Draws from the posterior by which chances are estimated: to a percent or better."""


class Counted(Protocol):
    """Protocol of a design or a record of one, whose costs are known."""

    @property
    def flops(self) -> int | None:
        """Floating-point operations of one image."""

    @property
    def params(self) -> int | None:
        """Number of parameters."""


@dataclass(frozen=True, eq=False)
class Coding:
    """Columns of a regression for networks: their options, FLOPs and parameters.

    Attributes:
        factors: Factors in which the networks differ.
        centre: (p,), mean of each column over the networks.
        scale: (p,), standard deviation of each column.
    """

    factors: tuple[Factor, ...]
    centre: Vector
    scale: Vector

    def columns(self, networks: Sequence[Architecture], costs: Matrix) -> Matrix:
        """Return standardised columns, of shape (N, p).

        Args:
            networks: The networks.
            costs: (N, 2), logarithms of their FLOPs and parameters.
        """
        return self.standardised(_raw(self.factors, [values_of(network) for network in networks], costs))

    def standardised(self, raw: Matrix) -> Matrix:
        """Return columns on the scale of the networks that the coding was made of.

        Args:
            raw: (N, p), columns as they are.
        """
        return (raw - self.centre) / self.scale


@dataclass(frozen=True, eq=False)
class Posterior:
    """Posterior distribution of the accuracy that each network of a run has without the chance of its seeds.

    Attributes:
        networks: One record a design, as `Designs.means`.
        coding: Columns of the model.
        model: The model.
    """

    networks: list[TrialRecord]
    coding: Coding
    model: MixedModel

    @property
    def expected(self) -> list[TrialRecord]:
        """The networks with expected accuracies, 0 to 1, in the place of those that were seen."""
        pairs = zip(self.networks, np.clip(self.model.mean, 0.0, 1.0), strict=True)
        return [network.model_copy(update={"accuracy": float(mean)}) for network, mean in pairs]

    def front_chances(self, objectives: Sequence[str] = DEFAULT_OBJECTIVES, *, seed: int = 0) -> Vector:
        """Return the probability of each network to be on the front of true accuracies, of shape (N,).

        Args:
            objectives: Names of objectives. All but the accuracy are taken for exact.
            seed: Seed of the draws from the posterior.
        """
        draws = self.model.draws(DRAWS, seed)
        others = [name for name in objectives if name != "accuracy"]
        if not others:
            best: Vector = (draws == draws.max(axis=1, keepdims=True)).mean(axis=0)
            return best
        losses = np.array([[_loss(name, record) for name in others] for record in self.networks])
        if len(others) == 1:
            return _chances_at_one_cost(draws, losses[:, 0])
        return np.array([_chance(place, draws, losses) for place in range(len(self.networks))])


@dataclass(frozen=True)
class Expectation:
    """Expectation of a network's accuracy.

    Attributes:
        mean: Accuracy that new trainings of it would reach on average, 0 to 1.
        sd: Posterior standard deviation of `mean`.
        front_chance: Probability that it is on the front of true accuracies.
    """

    mean: float
    sd: float
    front_chance: float

    @property
    def percent(self) -> str:
        """The mean with its 95 % interval, in per cent."""
        return f"{100 * self.mean:.2f} ±{196 * self.sd:.2f}%"


def expectations(found: Designs, objectives: Sequence[str] = DEFAULT_OBJECTIVES) -> dict[int, Expectation]:
    """Return the expectation of each trained network, by the number of its first trial.

    Args:
        found: All trainings of a run.
        objectives: Names of the front's objectives.

    Returns:
        Nothing if fewer than `LEAST` networks are trained.
    """
    posterior = posterior_of(found)
    if posterior is None:
        return {}
    means = [record.accuracy or 0.0 for record in posterior.expected]
    rows = zip(posterior.networks, means, posterior.model.sd, posterior.front_chances(objectives), strict=True)
    return {record.number: Expectation(mean, float(sd), float(chance)) for record, mean, sd, chance in rows}


def posterior_of(found: Designs) -> Posterior | None:
    """Fit the model to a run.

    Args:
        found: All its trainings; those of networks that are known are taken.

    Returns:
        None if fewer than `LEAST` networks are trained.
    """
    pairs = [pair for pair in zip(found.means(), found.groups(), strict=True) if pair[0].architecture is not None]
    if len(pairs) < LEAST:
        return None
    networks = [network for network, _ in pairs]
    architectures = [record.architecture for record in networks if record.architecture]
    columns, coding = coding_of(architectures, log_costs(networks))
    return Posterior(networks, coding, fit_trainings([group for _, group in pairs], columns))


def fit_trainings(groups: Sequence[Sequence[TrialRecord]], columns: Matrix, *, fixed: int = 0) -> MixedModel:
    """Fit the model to trainings.

    Args:
        groups: The trainings of each network, as `Designs.groups`; of two networks at least.
        columns: (N, p), standardised columns of the networks.
        fixed: Number of the first columns whose coefficients have next to no prior.
    """
    accuracies = np.array([record.accuracy or 0.0 for group in groups for record in group])
    sizes = np.array([len(group) for group in groups])
    means = np.add.reduceat(accuracies, np.cumsum(sizes) - sizes) / sizes
    within = float(((accuracies - np.repeat(means, sizes)) ** 2).sum())
    return fit(means=means, counts=sizes.astype(np.float64), within=within, columns=columns, fixed=fixed)


def log_costs(networks: Sequence[Counted]) -> Matrix:
    """Return logarithms of networks' FLOPs and parameters, of shape (N, 2)."""
    return np.array([[math.log(network.flops or 1), math.log(network.params or 1)] for network in networks])


def coding_of(networks: Sequence[Architecture], costs: Matrix) -> tuple[Matrix, Coding]:
    """Return standardised columns of networks, of shape (N, p), and the coding that they define.

    Args:
        networks: The networks.
        costs: (N, 2), logarithms of their FLOPs and parameters.
    """
    values = [values_of(network) for network in networks]
    factors = tuple(factors_of(values))
    raw = _raw(factors, values, costs)
    scale = raw.std(axis=0)
    # a column that does not vary is zero, whatever it is divided by
    coding = Coding(factors, raw.mean(axis=0), np.where(scale > 1e-9, scale, 1.0))
    return coding.standardised(raw), coding


def _raw(factors: Sequence[Factor], networks: Sequence[Values], costs: Matrix) -> Matrix:
    return np.column_stack([*(factor.columns(networks) for factor in factors), costs])


def _loss(name: str, record: TrialRecord) -> float:
    """Return an objective's value, the smaller the better; unknown is worst."""
    value = getattr(record, name)
    if value is None:
        return math.inf
    return -float(value) if OBJECTIVES[name].maximised else float(value)


def _chances_at_one_cost(draws: Matrix, costs: Vector) -> Vector:
    """Return each network's share of draws in which none that costs no more is as accurate."""
    order = np.argsort(costs, kind="stable")
    by_cost = draws[:, order]
    best = np.maximum.accumulate(by_cost, axis=1)
    # of networks that cost the same, the last one's best is all of theirs
    last = np.searchsorted(costs[order], costs[order], side="right") - 1
    chances = np.empty(len(costs))
    chances[order] = (by_cost >= best[:, last]).mean(axis=0)
    return chances


def _chance(place: int, draws: Matrix, losses: Matrix) -> float:
    """Return one network's share of draws in which none that costs no more in any objective is as accurate."""
    rivals = (losses <= losses[place]).all(axis=1)
    return float((draws[:, place] >= draws[:, rivals].max(axis=1)).mean())
