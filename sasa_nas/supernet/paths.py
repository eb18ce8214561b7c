"""The paths that are trained together, fair to every operator, and those that are judged."""

import random
from collections.abc import Sequence

from sasa_nas.errors import UserError
from sasa_nas.space import Architecture, size
from sasa_nas.space.choosers import Chooser, Label, LatinHypercubeChooser, RecallChooser
from sasa_nas.space.enumeration import every_design
from sasa_nas.space.searchable import Number, Range
from sasa_nas.supernet.cover import Answers, Proxies

MOST_TOGETHER = 8
"""Most paths of one update; where a stage has more operators, their turns take several updates."""
_TRIES = 1000
"""Most draws for one path, and for one more design to judge, of which the first whose parts fit is taken."""


class FairPaths:
    """Paths for one update after the other, strictly fair (Chu et al. 2021, "FairNAS", arXiv 1907.01845).

    Each stage has a random permutation of its operators, drawn anew when it is used up, from which every path takes the
    next. If all stages have as many operators, the paths of one update are a Latin square: each operator of each stage
    is in exactly one of them. An operator's own options, such as its kernel size, make operators of their own. Other
    choices (widths, numbers of blocks, attention over channels) have permutations of theirs.

    Args:
        proxies: The networks of the space.
        operators: For each stage, the choices of each of its operators.
        generator: The source of randomness.
    """

    def __init__(self, proxies: Proxies, operators: Sequence[Sequence[Answers]], generator: random.Random) -> None:
        self._proxies, self._operators = proxies, operators
        self._balanced = LatinHypercubeChooser(generator)

    def __len__(self) -> int:
        """Return the number of paths of an update."""
        return min(MOST_TOGETHER, max(map(len, self._operators)))

    def together(self) -> list[Architecture]:
        """Return the paths of the next update.

        Raises:
            UserError: If hardly any design of the space fits together.
        """
        return [self._next() for _ in range(len(self))]

    def _next(self) -> Architecture:
        for _ in range(_TRIES):
            taken: dict[str, Label] = {}
            for i, operators in enumerate(self._operators):
                # a fork of its own for the whole operator, with the options inside it
                taken |= operators[self._balanced.option(f"stages[{i}].operators", range(len(operators)))]
            found = self._proxies.draw(_Dealt(taken, self._balanced))
            if found is not None:
                return found
        raise UserError(f"{_TRIES} draws of space '{self._proxies.space.name}' do not fit together; see its limits")


class _Dealt:
    """A chooser of dealt answers where there are some, and of another's where there are none."""

    def __init__(self, answers: Answers, others: Chooser) -> None:
        self._answers, self._others = answers, others

    def option(self, name: str, labels: Sequence[Label]) -> int:
        return self._by(name).option(name, labels)

    def number(self, name: str, values: Range) -> Number:
        return self._by(name).number(name, values)

    def _by(self, name: str) -> Chooser:
        return RecallChooser(self._answers) if name in self._answers else self._others


def judged_designs(proxies: Proxies, most: int) -> list[Architecture]:
    """Return the designs of a space that are judged, in an order that is always the same.

    Args:
        proxies: The networks of the space.
        most: Most designs: all of the space if it has no more combinations, else so many that are drawn in balance over
            its options, or fewer if new ones become rare.
    """
    found: dict[str, Architecture] = {}
    if size(proxies.space) <= most:
        choosers: list[Chooser] = [RecallChooser(answers) for answers, _ in every_design(proxies.space)]
        for design in map(proxies.draw, choosers):
            if design is not None:
                found.setdefault(design.id, design)
        return list(found.values())
    balanced = LatinHypercubeChooser(random.Random(0))
    failures = 0
    while len(found) < most and failures < _TRIES:
        design = proxies.draw(balanced)
        failures = failures + 1 if design is None or design.id in found else 0
        if design is not None:
            found.setdefault(design.id, design)
    return list(found.values())
