"""The designs of a space that a search may train: all of them, or a large sample drawn at random."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from sasa_nas.errors import UserError
from sasa_nas.space import Architecture, Image, Infeasible, SearchSpace, proxy_of, size
from sasa_nas.space.choosers import RandomChooser
from sasa_nas.space.enumeration import every_design
from sasa_nas.space.sampling import Walker
from sasa_nas.surrogate.factors import Level, Values, Vector, factors_of, values_of

# counting imports torch, which takes seconds: only an answer that wants counts pays for it
if TYPE_CHECKING:
    from sasa_nas.cost import Counts

MOST_DESIGNS = 2048
"""Largest space whose designs are all listed."""
_MOST_BLOCKS = 1000
"""Most blocks of a network that is counted for this: a run may come from a stranger, and counting takes time."""
DRAWN = 400
"""Number of designs drawn from a larger one: each is counted, at 15 ms where networks have few parts in common."""
_DRAWS = 2 * DRAWN
_FEWEST_DRAWN = 100
"""Fewest designs within the limits, of those drawn, that stand for all."""

Context = tuple[Level | None, ...]
"""A network's values of all factors but one."""


@dataclass(frozen=True, eq=False)
class Population:
    """Designs within a space's limits.

    Attributes:
        space: Name of the space.
        architectures: The networks that a search trains for them, each once.
        networks: The designs as values of their factors.
        beyond: Designs beyond the limits, likewise.
        flops: (M,), floating-point operations of one image.
        params: (M,), parameters.
        complete: Whether these are all designs of the space.
    """

    space: str
    architectures: list[Architecture]
    networks: list[Values]
    beyond: list[Values]
    flops: Vector
    params: Vector
    complete: bool


@lru_cache(maxsize=4)
def population_of(space: SearchSpace, image: Image, num_classes: int) -> Population | None:
    """Return the designs of a space within its limits.

    None if a limit can only be measured, if almost no design is within the limits, or if networks cannot be counted: as
    those with operators whose code is not at hand, which reading a run does not ask for.

    Args:
        space: The search space.
        image: Images of the proxy's data set.
        num_classes: Number of its classes.
    """
    if space.limits.max_latency is not None:
        return None
    from sasa_nas.cost import count_network
    from sasa_nas.cost.limits import excess_of
    from sasa_nas.cost.memory import training_memory

    def memory(network: Architecture) -> int:
        return training_memory(network).of_batch(space.proxy.recipe.batch_size)

    complete = size(space) <= MOST_DESIGNS
    found: dict[str, tuple[Architecture, Values, Counts]] = {}
    beyond: list[Values] = []
    for design in _all(space) if complete else _drawn(space):
        try:
            network = proxy_of(design, space.proxy, image, num_classes)
        except ValidationError:
            continue
        if sum(stage.blocks for stage in network.stages) > _MOST_BLOCKS:
            return None
        try:
            counts = count_network(network).total
        except UserError:
            return None
        if excess_of(space.limits, counts, partial(memory, network)) is None:
            found.setdefault(network.id, (network, values_of(design), counts))
            if not complete and len(found) == DRAWN:
                break
        else:
            beyond.append(values_of(design))
    if len(found) < (1 if complete else _FEWEST_DRAWN):
        return None
    return Population(
        space=space.name,
        architectures=[network for network, _, _ in found.values()],
        networks=[values for _, values, _ in found.values()],
        beyond=beyond,
        flops=np.array([float(counts.flops()) for _, _, counts in found.values()]),
        params=np.array([float(counts.params) for _, _, counts in found.values()]),
        complete=complete,
    )


def contexts_of(
    population: Population | None, levels: Sequence[tuple[str, Level, Level]]
) -> dict[tuple[str, Level], float]:
    """Return the share of the combinations of all other choices in which limits allow a level and its baseline.

    Args:
        population: Designs of the space; without all of them nothing is returned.
        levels: A factor's name, a level and the baseline, each.
    """
    if population is None or not population.complete:
        return {}
    if not population.beyond:
        return {(name, level): 1.0 for name, level, _ in levels}
    everything = [*population.networks, *population.beyond]
    names = [factor.name for factor in factors_of(everything)]
    within = partial(_contexts, population.networks, names)
    return {
        (name, level): len(within(name, level) & within(name, baseline)) / len(_contexts(everything, names, name, None))
        for name, level, baseline in levels
    }


def _contexts(networks: Sequence[Values], names: Sequence[str], name: str, level: Level | None) -> set[Context]:
    """Return what else is chosen, of `names`, in the networks that have a factor at a level, or at any."""
    others = [other for other in names if not other.startswith(name)]
    return {
        tuple(network.get(other) for other in others)
        for network in networks
        if level is None or network.get(name) == level
    }


def _all(space: SearchSpace) -> Iterator[Architecture]:
    for _, design in every_design(space):
        yield design


def _drawn(space: SearchSpace) -> Iterator[Architecture]:
    """Yield random designs, the same ones for equal spaces, each option of a fork as likely as the others."""
    walker, chooser = Walker(space), RandomChooser(random.Random(0))
    for _ in range(_DRAWS):
        try:
            yield walker.sample(chooser)
        except Infeasible:
            continue
