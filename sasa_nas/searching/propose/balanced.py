"""Designs for the balanced share of a search: those from which the effects of a space's options can be told apart.

What a sampler proposes is confounded: it takes one option where another does well, and looks longest where accuracy is
high. So effects are estimated from designs that depend on no result.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from sasa_nas.searching.plan import SearchPlan, draw
from sasa_nas.searching.propose.equal_flops import at_equal_flops
from sasa_nas.space import Infeasible
from sasa_nas.space.choosers import Label, RandomChooser, RecallChooser
from sasa_nas.space.searchable import Number, Range

REPLICATES = 2
"""Seeds with which each balanced design is trained, so that the noise of one training can be told from the design."""
CANDIDATES = 64
"""Random designs among which the next balanced one is chosen."""
PAIR_WEIGHT = 0.125
"""Weight of a pair of stages' operators beside one stage's."""
SECTIONS = 3
"""Equal sections that a range of more numbers is divided in, to balance them like options."""

_OPERATOR = re.compile(r"stages\[\d+\]\.operator")


@dataclass
class _Walk:
    """Chooses at random and keeps what was chosen.

    Attributes:
        chooser: Chooser that decides.
        answers: Labels and numbers chosen, by the fork's name.
        taken: Index of the option taken and number of options, by the fork's name.
    """

    chooser: RandomChooser
    answers: dict[str, Label] = field(default_factory=dict)
    taken: dict[str, tuple[int, int]] = field(default_factory=dict)

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the other chooser's answer."""
        index = self.chooser.option(name, labels)
        self.answers[name] = labels[index]
        self.taken[name] = index, len(labels)
        return index

    def number(self, name: str, values: Range) -> Number:
        """Return the other chooser's answer."""
        self.answers[name] = number = self.chooser.number(name, values)
        numbers = values.values()
        sections = min(SECTIONS, len(numbers))
        self.taken[name] = numbers.index(number) * sections // len(numbers), sections
        return number

    @property
    def design(self) -> frozenset[tuple[str, Label]]:
        """The choices that lead to the design."""
        return frozenset(self.answers.items())

    def cells(self) -> Iterator[tuple[tuple[str, ...], tuple[int, ...], int, float]]:
        """Yield the items to balance: forks and pairs of operators' forks, options taken, their number, weight."""
        for name, (index, count) in self.taken.items():
            yield (name,), (index,), count, 1.0
        operators = [name for name in self.taken if _OPERATOR.fullmatch(name)]
        for one, other in combinations(operators, 2):
            (i, n), (j, m) = self.taken[one], self.taken[other]
            yield (one, other), (i, j), n * m, PAIR_WEIGHT


class BalancedDesigns:
    """An endless list of feasible designs, the same for equal plans, each chosen to balance those before it.

    The next design is, of `CANDIDATES` random ones, the one whose options have come up least so far, each beside the
    other options of its fork, and whose pairs of operators have, each beside the other pairs of its two stages: the
    minimisation of Pocock and Simon (1975), which they devised to make groups of patients comparable. Designs that came
    up less often than others go first: in a small space a fraction of all designs is in balance, and would come again
    and again. Limits of the space, and parts that do not fit together, cost as little of the balance as they must.
    `LatinHypercubeChooser`, by which a sampler's first designs are drawn, considers neither pairs nor limits.

    Args:
        plan: Plan of the search.
    """

    def __init__(self, plan: SearchPlan) -> None:
        self._plan = plan
        self._generator = random.Random(f"{plan.settings.seed}/balanced")
        self._answers: list[dict[str, Label]] = []
        self._taken: Counter[frozenset[tuple[str, Label]]] = Counter()
        self._visits: Counter[tuple[str, ...]] = Counter()
        self._counts: Counter[tuple[tuple[str, ...], tuple[int, ...]]] = Counter()

    def __getitem__(self, place: int) -> dict[str, Label]:
        """Return the choices that lead to the design at this place of the list."""
        while len(self._answers) <= place:
            self._extend()
        return self._answers[place]

    def _extend(self) -> None:
        while True:
            candidates = [_Walk(RandomChooser(self._generator)) for _ in range(CANDIDATES)]
            for candidate in candidates:
                self._plan.walker.walk(candidate)
            for candidate in sorted(candidates, key=lambda one: (self._taken[one.design], self._excess(one))):
                try:
                    design = draw(self._plan, RecallChooser(candidate.answers))
                    if self._plan.settings.balanced_at == "flops":
                        at_equal_flops(self._plan, design, candidate.answers)
                except Infeasible:
                    continue
                self._answers.append(candidate.answers)
                self._taken[candidate.design] += 1
                for forks, options, _, _ in candidate.cells():
                    self._visits[forks] += 1
                    self._counts[forks, options] += 1
                return

    def _excess(self, candidate: _Walk) -> float:
        """By how much more than in balance the candidate's options have come up, in visits of their forks."""
        return sum(
            weight * (count * self._counts[forks, options] - self._visits[forks])
            for forks, options, count, weight in candidate.cells()
        )
