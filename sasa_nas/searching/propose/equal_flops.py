"""Designs at equal FLOPs: each widened or thinned until it costs what it would with convolution in every stage.

Differences of accuracy between such designs are differences at equal FLOPs, whatever FLOPs are worth.
"""

import math
import random
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations

from pydantic import ValidationError

from sasa_nas.cost import count_network
from sasa_nas.errors import UserError
from sasa_nas.operators import BASELINE
from sasa_nas.searching.plan import Design, SearchPlan, draw, drawn
from sasa_nas.space import Architecture, Infeasible
from sasa_nas.space.choosers import Label, RandomChooser, RecallChooser, RecordingChooser
from sasa_nas.space.searchable import Number, Range
from sasa_nas.space.widths import multiplied_widths, width_steps, widths_of, with_widths

MOST_DEVIATION = 0.02
"""Most deviation from the FLOPs of convolution, as a share, of a design that is trained."""
TOLERANCE = 0.005
"""Deviation at which the search for widths ends."""
PROBES = 16
"""Random designs by which a space is judged; half of them must come to the FLOPs of convolution."""
_WIDEST = 4.0
"""Multiplier of widths, or divisor, beyond which none is looked for."""
_HALVINGS = 20
"""Halvings of the interval of multipliers."""
_MOST_STEPS = 30
"""Most steps of single widths after the common multiplier is found."""

_OPERATOR = re.compile(r"(stages\[\d+\]\.operator)(\..+)?")


class _Convolving:
    """Chooser that repeats recorded decisions, but with the first convolution in every stage that may have one.

    Args:
        answers: Labels and numbers to repeat, by the fork's name.
    """

    def __init__(self, answers: Mapping[str, Label]) -> None:
        self._recall = RecallChooser(answers)
        self._convolved: set[str] = set()

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the index of the first convolution at a stage's fork; below it, that of the first option."""
        found = _OPERATOR.fullmatch(name)
        if found and not found[2]:
            kinds = [str(label).partition("#")[0] for label in labels]
            if BASELINE in kinds:
                self._convolved.add(name)
                return kinds.index(BASELINE)
        return 0 if found and found[1] in self._convolved else self._recall.option(name, labels)

    def number(self, name: str, values: Range) -> Number:
        """Return the number that was recorded; below a stage's convolution, the lowest."""
        found = _OPERATOR.fullmatch(name)
        return values.values()[0] if found and found[1] in self._convolved else self._recall.number(name, values)


def at_equal_flops(plan: SearchPlan, design: Design, answers: Mapping[str, Label]) -> Design:
    """Return a design whose trained network costs what convolution in its place costs, as nearly as widths allow.

    All widths are multiplied by one number, found by bisection; then single widths take a step up or down, one or two
    at a time, while that brings the FLOPs nearer.

    Args:
        plan: Plan of the search.
        design: A design of the space.
        answers: The choices that lead to it.

    Raises:
        Infeasible: If it cannot cost that at any width, as where attention over a large map costs more than all else.
    """
    target = drawn(plan, _Convolving(answers)).flops
    network = _nearest(design.architecture, target)
    counts = count_network(network).total
    if abs(counts.flops() / target - 1.0) > MOST_DEVIATION:
        raise Infeasible(f"at no width does it cost what convolution costs, {target:,} FLOPs")
    return replace(design, architecture=network, counts=counts)


def require_equal_flops(plan: SearchPlan) -> None:
    """Check that the designs of a space can be widened or thinned to what convolution costs.

    Raises:
        UserError: If most of them cannot.
    """
    generator = random.Random(plan.settings.seed)
    tried = fit = 0
    while tried < PROBES:
        chooser = RecordingChooser(RandomChooser(generator))
        try:
            design = draw(plan, chooser)
        except Infeasible:
            continue
        tried += 1
        with suppress(Infeasible):
            at_equal_flops(plan, design, chooser.answers)
            fit += 1
    if fit < PROBES / 2:
        raise UserError(
            f"only {fit} of {PROBES} random designs of '{plan.space.name}' can cost what convolution costs, at any "
            "width: balance its designs as they are"
        )


def _nearest(network: Architecture, target: int) -> Architecture:
    """Return the network at the widths by which its FLOPs are nearest to the target."""
    known: dict[tuple[int, ...], float] = {}

    def miss(widths: tuple[int, ...]) -> float:
        if widths not in known:
            known[widths] = _miss(network, widths, target)
        return known[widths]

    def distance(widths: tuple[int, ...]) -> float:
        return abs(miss(widths))

    best = widths_of(network)
    low, high = -math.log2(_WIDEST), math.log2(_WIDEST)
    for _ in range(_HALVINGS if distance(best) > TOLERANCE else 0):
        middle = (low + high) / 2
        widths = multiplied_widths(network, 2.0**middle)
        best = min(best, widths, key=distance)
        # widths that do not fit are too thin for the number of heads
        low, high = (middle, high) if miss(widths) < 0.0 or math.isinf(miss(widths)) else (low, middle)
    for _ in range(_MOST_STEPS):
        if distance(best) <= TOLERANCE:
            break
        nearer = min(_stepped(best, width_steps(network)), key=distance)
        if distance(nearer) >= distance(best):
            break
        best = nearer
    return with_widths(network, best)


def _miss(network: Architecture, widths: tuple[int, ...], target: int) -> float:
    """Return the logarithm of the ratio of FLOPs to the target; infinite for widths that do not fit."""
    try:
        return math.log(count_network(with_widths(network, widths)).total.flops() / target)
    except ValidationError:
        return math.inf


def _stepped(widths: tuple[int, ...], steps: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the widths with a step up or down in one part or in two."""
    changes = [(place, sign * step) for place, step in enumerate(steps) for sign in (1, -1)]
    pairs = [(one, other) for one, other in combinations(changes, 2) if one[0] != other[0]]
    found = []
    for several in [*((change,) for change in changes), *pairs]:
        new = list(widths)
        for place, change in several:
            new[place] += change
        if min(new) > 0:
            found.append(tuple(new))
    return found
