"""Designs among which a model of accuracy chooses: all of a small space, or many drawn at random and neighbours.

What takes time is to count a network's parts: about 6 ms each, once a process. Spaces whose networks have few parts in
common have fewer candidates, so that no search waits for longer.
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from sasa_nas.blocks.plans import Plan
from sasa_nas.models.plans import plan_network
from sasa_nas.run import TrialRecord
from sasa_nas.searching.plan import Design, OverLimit, SearchPlan, draw
from sasa_nas.space import Architecture, Infeasible, size
from sasa_nas.space.choosers import Chooser, Label, RandomChooser, RecallChooser, RecordingChooser
from sasa_nas.space.enumeration import every_design
from sasa_nas.space.searchable import Number, Range

MOST_LISTED = 2048
"""Largest space whose designs are all candidates."""
DRAWN = 256
"""Designs drawn at random from a larger space."""
DRAWS = 4 * DRAWN
"""Draws for these, at most: limits may turn down most."""
MOST_PARTS = 1024
"""Different parts of these, at most: the spaces of this package have up to 700."""
NEIGHBOURS = 32
"""Draws of neighbours for one choice; where the parts are too many for so many designs, as much fewer."""
REMEMBERED = 1024
"""Designs whose counts are kept for when they are drawn again."""

Answers = tuple[tuple[str, Label], ...]
"""The choices that lead to a design: a key of caches."""


@dataclass(frozen=True, eq=False)
class CountedNetwork:
    """A network whose costs are known: of a candidate or of a trial.

    Attributes:
        architecture: The network.
        id: Its id, which takes time to make.
        choices: Choices that lead to its design.
        flops: Floating-point operations of one image.
        params: Number of parameters.
        logs: Decimal logarithms of the search's objectives but for the accuracy.
    """

    architecture: Architecture
    id: str
    choices: Mapping[str, Label]
    flops: int | None
    params: int | None
    logs: tuple[float, ...]

    @classmethod
    def of(
        cls,
        network: Design | TrialRecord,
        architecture: Architecture,
        choices: Mapping[str, Label],
        objectives: Sequence[str],
    ) -> "CountedNetwork":
        """Return the network of a design or of a trial.

        Args:
            network: Design or trial, which tells the costs.
            architecture: Its network.
            choices: Choices that lead to it.
            objectives: Names of the search's objectives.
        """
        logs = (math.log10(getattr(network, name) or 1) for name in objectives if name != "accuracy")
        return cls(architecture, architecture.id, choices, network.flops, network.params, tuple(logs))


class Candidates:
    """Designs within a space's limits.

    Args:
        plan: Plan of the search.

    Attributes:
        complete: Whether `common` is all designs of the space.
        common: Designs that are candidates at any time, the same for equal plans, each once.
    """

    def __init__(self, plan: SearchPlan) -> None:
        self._plan = plan
        self._counted = lru_cache(REMEMBERED)(self._count)
        self.complete = size(plan.space) <= MOST_LISTED
        self._parts: set[Plan] = set()
        """Different parts of the designs that were counted first; no more are added once there are too many."""
        self.common = list(self._listed() if self.complete else self._drawn())
        self._neighbours = math.ceil(NEIGHBOURS * len(self.common) / DRAWN) if self._various else NEIGHBOURS

    def near(self, parents: Sequence[Mapping[str, Label]], generator: random.Random) -> list[CountedNetwork]:
        """Return designs that differ from one of `parents` in one fork or two, and in what depends on these.

        Args:
            parents: Choices that lead to the designs whose neighbours are wanted, one at least.
            generator: Source of randomness.
        """
        drawn = [_Neighbour(generator.choice(parents), generator) for _ in range(self._neighbours)]
        return list(_each_once(map(self._candidate, drawn)))

    def _listed(self) -> Iterator[CountedNetwork]:
        answers = (answers for answers, _ in every_design(self._plan.space))
        return _each_once(self._candidate(RecallChooser(each)) for each in answers)

    def _drawn(self) -> Iterator[CountedNetwork]:
        chooser = RandomChooser(random.Random(f"{self._plan.settings.seed}/candidates"))
        found = _each_once(self._candidate(chooser) for _ in takewhile(lambda _: not self._various, range(DRAWS)))
        return (candidate for candidate, _ in zip(found, range(DRAWN), strict=False))

    def _candidate(self, chooser: Chooser) -> CountedNetwork | None:
        """Return the design that `chooser` draws; None if it cannot be, or not within the limits."""
        recorder = RecordingChooser(chooser)
        self._plan.walker.walk(recorder)
        return self._counted(tuple(recorder.answers.items()))

    def _count(self, answers: Answers) -> CountedNetwork | None:
        choices = dict(answers)
        try:
            design = draw(self._plan, RecallChooser(choices))
        except OverLimit as error:
            self._note(error.design)
            return None
        except Infeasible:
            return None
        self._note(design)
        return CountedNetwork.of(design, design.architecture, choices, self._plan.settings.objectives)

    @property
    def _various(self) -> bool:
        """Return whether the designs that were counted first have too many parts."""
        return len(self._parts) > MOST_PARTS

    def _note(self, design: Design) -> None:
        if not self._various:
            self._parts.update(part for stage in plan_network(design.architecture).stages for part in stage)


class _Neighbour:
    """Chooser that repeats recorded decisions but for one fork or two, which it takes another way.

    Args:
        answers: Labels and numbers to repeat, by the fork's name.
        generator: Source of randomness.
    """

    def __init__(self, answers: Mapping[str, Label], generator: random.Random) -> None:
        self._answers = answers
        self._recall = RecallChooser(answers)
        self._chance = RandomChooser(generator)
        names = list(answers)
        self._changed = set(generator.sample(names, min(len(names), generator.choice((1, 2)))))

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the recorded index; another one at a fork to change, any one at a fork that was not visited."""
        if name not in self._answers:
            return self._chance.option(name, labels)
        index = self._recall.option(name, labels)
        if name not in self._changed or len(labels) == 1:
            return index
        other = self._chance.option(name, labels[1:])
        return other + (other >= index)

    def number(self, name: str, values: Range) -> Number:
        """Return the recorded number; any at a fork to change, or that was not visited."""
        if name in self._answers and name not in self._changed:
            return self._recall.number(name, values)
        return self._chance.number(name, values)


def _each_once(candidates: Iterable[CountedNetwork | None]) -> Iterator[CountedNetwork]:
    """Yield the candidates that there are, of those of one network the first."""
    seen: set[str] = set()
    for candidate in candidates:
        if candidate is not None and candidate.id not in seen:
            seen.add(candidate.id)
            yield candidate
