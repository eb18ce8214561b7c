"""Scores of all designs of a space, which narrow the effects that a few trainings tell.

A score that costs no training is known of every design: FLOPs, a supernet's prediction. What it says of the designs
that were trained differs by chance from what it says of all; as far as accuracy follows it, that chance is taken out of
the effects. This is prediction-powered inference (Angelopoulos et al. 2023, arXiv 2301.09633) for a linear model: an
effect is that of lambda times the score over all designs, plus that of accuracy less lambda times the score over those
trained. Lambda is the one that leaves least noise (PPI++, arXiv 2311.01453): the score's coefficient in the same
regression, so that the interval knows of its error. Nothing rests on the score being right.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sasa_nas.analysis.where.population import Population
from sasa_nas.analysis.where.sample import Sample
from sasa_nas.errors import UserError
from sasa_nas.files import LARGEST_CURVE, UnfitFile, read_bytes
from sasa_nas.space import Architecture
from sasa_nas.surrogate.factors import Factor, Matrix, Values

Scores = Mapping[str, float] | Callable[[Architecture], float]
"""A score of each network that a search may train, by its `Architecture.id` or by a function; any scale, any sign."""

COSTS = "FLOPs and parameters"
"""Name of the score that is taken where none is given."""
_LEAST_REST = 1e-3
"""Share of a score's standard deviation that must be left beyond a sum of effects; less is rounding."""


@dataclass(frozen=True, eq=False)
class Score:
    """Scores of the observations of a sample, and of the designs of their space.

    Attributes:
        name: Name of the score.
        sample: (N, K), K scores of each observation.
        everywhere: (M, K), of each design.
        networks: The M designs as values of their factors.
        complete: Whether these are all designs, and not a sample of them.
    """

    name: str
    sample: Matrix
    everywhere: Matrix
    networks: list[Values]
    complete: bool


@dataclass(frozen=True, eq=False)
class Beyond:
    """Rest of scores beyond a sum of effects; its own effects over all designs are zero.

    Attributes:
        sample: (N, K), of each observation, in standard deviations over all designs.
        everywhere: (M, K), of each design.
        weights: (P, M), of the designs in the effects of a score.
    """

    sample: Matrix
    everywhere: Matrix
    weights: Matrix


def beyond_effects(score: Score, factors: Sequence[Factor], sample: Matrix, everywhere: Matrix) -> Beyond | None:
    """Return what a score says beyond a sum of effects; None if that is nothing.

    Taking the effects over all designs out of the score leaves accuracy's effects what they are.

    Args:
        score: The score.
        factors: The factors whose effects are summed.
        sample: (N, P), their columns in the sample.
        everywhere: (M, P), their columns in all designs.
    """
    seen = np.array([all(_seen(network, factor) for factor in factors) for network in score.networks])
    columns, scores = everywhere[seen], score.everywhere[seen]
    weights: Matrix = np.linalg.pinv(columns)
    effects = weights @ scores
    rest = scores - columns @ effects
    deviation = rest.std(axis=0)
    kept = deviation > _LEAST_REST * scores.std(axis=0)
    if not kept.any():
        return None
    of_sample = (score.sample - sample @ effects)[:, kept] / deviation[kept]
    return Beyond(of_sample, rest[:, kept] / deviation[kept], weights)


def _seen(network: Values, factor: Factor) -> bool:
    """Return whether a network has a level of a factor that the sample has, too, or does not have the factor."""
    return factor.numeric or factor.name not in network or network[factor.name] in factor.levels


def costs(population: Population, sample: Sample) -> Score | None:
    """Return the logarithms of FLOPs and parameters as a score; None if those of a training are not known."""
    counts = [(unit[0].flops, unit[0].params) for unit in sample.records]
    if not all(flops and params for flops, params in counts):
        return None
    return Score(
        COSTS,
        np.log10(np.array(counts, dtype=np.float64)),
        np.log10(np.column_stack([population.flops, population.params])),
        population.networks,
        population.complete,
    )


def score_of(scores: Scores, population: Population, sample: Sample, name: str) -> Score:
    """Return scores of a sample and of all designs.

    Args:
        scores: Numbers by the id of the network, or a function.
        population: The designs of the space.
        sample: The observations.
        name: Name of the score.

    Raises:
        UserError: If a design has none, or it is no finite number.
    """
    if not population.complete and isinstance(scores, Mapping):
        raise UserError("this space has too many designs to list: in Python, give a function of the network as scores")
    trained = [unit[0].architecture for unit in sample.records]
    return Score(
        name,
        np.array([[_value(scores, network)] for network in trained if network is not None]),
        np.array([[_value(scores, network)] for network in population.architectures]),
        population.networks,
        population.complete,
    )


def _value(scores: Scores, network: Architecture) -> float:
    found = scores.get(network.id) if isinstance(scores, Mapping) else scores(network)
    if found is None:
        raise UserError(f"network {network.id} has no score; scores must cover every design within the space's limits")
    if not math.isfinite(found):
        raise UserError(f"the score of network {network.id} is {found}, no finite number")
    return float(found)


def read_scores(path: Path) -> dict[str, float]:
    """Return the scores in a JSON file: an object of numbers by the id of the network.

    Raises:
        UserError: If the file cannot be read or is something else.
    """
    try:
        found = json.loads(read_bytes(path, LARGEST_CURVE, follow=True))
    except (OSError, UnfitFile) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON") from error
    if not isinstance(found, dict) or not found:
        raise UserError(f"{path} holds no scores: it must be an object of numbers by the id of the network")
    for name, value in found.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise UserError(f"{path}: the score of {name[:40]!r} is no finite number")
    return {name: float(value) for name, value in found.items()}
