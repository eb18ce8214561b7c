"""The all-convolution network at other widths, by which the worth of FLOPs is told."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from sasa_nas.cost import count_network
from sasa_nas.errors import UserError, one_line
from sasa_nas.searching.plan import Design, SearchPlan
from sasa_nas.searching.propose.baseline import baseline
from sasa_nas.space import Infeasible
from sasa_nas.space.choosers import Label
from sasa_nas.space.widths import widened

MULTIPLIERS = (0.5, 2.0, 0.71, 1.41)
"""Multipliers of all widths: about a quarter, four times, half and twice the FLOPs. The outer ones come first, as they
tell the slope best."""
LEAST = 3
"""Fewest networks of different widths that a curve can be drawn through."""


@dataclass(frozen=True)
class Widening:
    """The all-convolution network at another width.

    Attributes:
        multiplier: Multiplier of all widths.
        choices: The choices that lead to the network as the space has it.
    """

    multiplier: float
    choices: Mapping[str, Label]


def widenings(plan: SearchPlan) -> list[Widening]:
    """Return the widths at which the all-convolution network of a space is trained.

    Those that are equal after rounding come once, and the space's own width not at all. Limits on FLOPs and parameters,
    which say what is searched for, do not hold for them; one on memory, which says what can be trained, does.

    Raises:
        UserError: If the space has no all-convolution network within its limits, or too few widths differ.
    """
    reference = baseline(plan)
    if reference is None:
        raise UserError(
            f"search space '{plan.space.name}' has no all-convolution network within its limits, whose width could "
            "tell what FLOPs are worth"
        )
    most = plan.space.limits.max_memory
    found: list[Widening] = []
    seen = {reference.design.architecture.id}
    for multiplier in MULTIPLIERS:
        try:
            design = at_width(reference.design, multiplier)
        except Infeasible:
            continue
        if design.architecture.id in seen or (most is not None and design.memory > most):
            continue
        seen.add(design.architecture.id)
        found.append(Widening(multiplier, reference.choices))
    if len(found) < LEAST:
        raise UserError(
            f"the all-convolution network of '{plan.space.name}' has {len(found)} other widths that differ and fit the "
            f"limit on memory; to tell what FLOPs are worth takes {LEAST}"
        )
    return found


def at_width(design: Design, multiplier: float) -> Design:
    """Return a design whose trained network has all widths multiplied.

    Raises:
        Infeasible: If its parts do not fit together then.
    """
    try:
        network = widened(design.architecture, multiplier)
    except ValidationError as error:
        raise Infeasible(one_line(error)) from error
    return replace(design, architecture=network, counts=count_network(network).total)
