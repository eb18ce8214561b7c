"""The designs that are trained to see how a machine is best shared."""

import random

from sasa_nas.searching.plan import PROBES, Design, SearchPlan, draw
from sasa_nas.space import Architecture, Infeasible
from sasa_nas.space.choosers import RandomChooser

DRAWS = 24
"""Distinct random designs among which they are found."""


def probed_designs(plan: SearchPlan) -> list[Architecture]:
    """Return the network that keeps most memory as it trains, then those of median and lower-quartile FLOPs.

    Args:
        plan: Plan of the search, whose seed fixes the draws.
    """
    generator = random.Random(plan.settings.seed)
    drawn: dict[str, Design] = {}
    for _ in range(PROBES):
        try:
            design = draw(plan, RandomChooser(generator))
        except Infeasible:
            continue
        drawn[design.architecture.id] = design
        if len(drawn) == DRAWS:
            break
    cheap_first = sorted(drawn.values(), key=lambda design: design.counts.flops())
    largest = max(cheap_first, key=lambda design: design.memory)
    chosen = [largest, cheap_first[len(cheap_first) // 2], cheap_first[len(cheap_first) // 4]]
    return list({design.architecture.id: design.architecture for design in chosen}.values())
