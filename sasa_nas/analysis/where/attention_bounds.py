"""Bounds on the effect of attention in each place of a network, from all trainings of a run.

Balanced trainings answer without a model, but a short search has few of them. Here the search's own trainings count,
too. An optimiser looks longest where accuracy is high; what it found is then no fair sample, but what it saw of each
network is. Where accuracy is a sum of what networks differ in, it does not matter which networks were looked at.

The model is `accuracy = b_0 + a s + x r + u + e`: `a` says in which places, the stem and the stages, a network attends,
with coefficients `s` that have no prior, so that they are not drawn towards zero. `x` holds everything else, with
coefficients that do: kinds of operators beside a place's own mean, all other options, and products of attention in two
places. These are centred on the space's mean, so that neither place is credited with a pair of which a trail has more
than the space. `u` is what these leave of a network, and `e` the chance of a training. Intervals hold for all places
together (Bonferroni).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sasa_nas.analysis import student
from sasa_nas.analysis.where.bounds_records import Bounds, PlaceBound
from sasa_nas.analysis.where.choices import kind_shares
from sasa_nas.analysis.where.failures import FAILED
from sasa_nas.analysis.where.linear import CONFIDENCE
from sasa_nas.analysis.where.sample import LEAST_FREE, values_of_trial
from sasa_nas.run import TrialRecord
from sasa_nas.run.designs import Designs
from sasa_nas.space import SearchSpace
from sasa_nas.surrogate.factors import BASELINE, Factor, Matrix, Values, Vector, factors_of
from sasa_nas.surrogate.posterior import fit_trainings

_NEGLIGIBLE = 1e-9
"""Standard deviation below which a column is constant."""


@dataclass(frozen=True, eq=False)
class _Columns:
    """Columns of the model.

    Attributes:
        raw: (N, P), of each network; those of `places` come first.
        places: Paths of the choices between convolution and attention whose effect can be told.
        kinds: The columns, by number, that belong to the kinds of each of these, beside the place's own.
    """

    raw: Matrix
    places: list[str]
    kinds: list[list[int]]

    def weights(self, number: int) -> Vector:
        """Return the weights of the coefficients in the effect of a place, the mean over its kinds of attention.

        Args:
            number: Index of the place in `places`.
        """
        weights = np.zeros(self.raw.shape[1])
        weights[number] = 1.0
        weights[self.kinds[number]] = 1.0 / max(1, len(self.kinds[number]))
        return weights


def attention_bounds(space: SearchSpace, records: Sequence[TrialRecord]) -> Bounds | None:
    """Bound the effect of attention in the stem and in each stage by all trainings that went to the end.

    Args:
        space: Space of the run.
        records: Its trials.

    Returns:
        None if too few networks are trained, or there is no place where some attend and others convolve.
    """
    own = [record for record in records if not record.arm.outside]
    found = Designs(own)
    pairs = [(r, group) for r, group in zip(found.means(), found.groups(), strict=True) if r.architecture is not None]
    networks = [values_of_trial(record) for record, _ in pairs]
    shares = {path: kinds for path, kinds in kind_shares(space).items() if BASELINE in kinds and len(kinds) > 1}
    places = [path for path in shares if _is_told(path, networks)]
    if not places or len(networks) - 1 - len(places) < LEAST_FREE:
        return None
    columns = _columns(networks, {path: 1.0 - shares[path][BASELINE] for path in places})
    scale = columns.raw.std(axis=0)
    scale = np.where(scale > _NEGLIGIBLE, scale, 1.0)
    groups = [group for _, group in pairs]
    model = fit_trainings(groups, (columns.raw - columns.raw.mean(axis=0)) / scale, fixed=len(places))
    quantile = student.quantile(1.0 - (1.0 - CONFIDENCE) / (2 * len(places)), model.free)
    effects = [model.combination(columns.weights(number) / scale) for number in range(len(places))]
    return Bounds(
        places=[
            PlaceBound(
                factor=path,
                levels=sorted({str(network[path]) for network in networks} - {BASELINE}),
                effect=float(np.clip(mean, -1.0, 1.0)),
                low=max(-1.0, mean - quantile * sd),
                high=min(1.0, mean + quantile * sd),
            )
            for path, (mean, sd) in zip(places, effects, strict=True)
        ],
        trainings=sum(map(len, groups)),
        designs=len(networks),
        failed=sum(record.outcome in FAILED for record in own),
        not_told=[path for path in shares if path not in places],
        nothing_differs=len({record.accuracy for group in groups for record in group}) == 1,
    )


def _is_told(path: str, networks: Sequence[Values]) -> bool:
    """Return whether all networks have a place, some of them with convolution and some with attention."""
    kinds = {network.get(path) for network in networks}
    return None not in kinds and BASELINE in kinds and len(kinds) > 1


def _columns(networks: Sequence[Values], places: Mapping[str, float]) -> _Columns:
    """Return the columns of networks.

    Args:
        networks: The networks.
        places: Share of the space's designs that attend in each place.
    """
    attends = np.array([[float(network[path] != BASELINE) for path in places] for network in networks])
    factors = factors_of(networks)
    centred = attends - np.array(list(places.values()))
    products = [(centred[:, one] * centred[:, other])[:, None] for one, other in combinations(range(len(places)), 2)]
    own = [factor.columns(networks) for factor in factors]
    numbers = _numbers(factors, first=len(places))
    return _Columns(np.hstack([attends, *own, *products]), list(places), [numbers[path] for path in places])


def _numbers(factors: Sequence[Factor], first: int) -> dict[str, list[int]]:
    """Return the numbers of each factor's columns.

    Args:
        factors: Factors in the order of their columns.
        first: Number of the first column.
    """
    found = {}
    for factor in factors:
        found[factor.name] = list(range(first, first + len(factor.contrasts)))
        first += len(factor.contrasts)
    return found
