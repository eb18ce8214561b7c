"""Designs among which a model of accuracy chooses: all of a small space, or many drawn at random and neighbours.

Each is counted once a session, at up to 15 ms where networks have few parts in common.
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sasa_nas.run import TrialRecord
from sasa_nas.searching.plan import Design, SearchPlan, draw
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
NEIGHBOURS = 32
"""Draws of neighbours for one choice."""


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
        self._counted: dict[tuple[tuple[str, Label], ...], CountedNetwork | None] = {}
        self.complete = size(plan.space) <= MOST_LISTED
        self.common = list(self._listed() if self.complete else self._drawn())

    def near(self, parents: Sequence[Mapping[str, Label]], generator: random.Random) -> list[CountedNetwork]:
        """Return designs that differ from one of `parents` in one fork or two, and in what depends on these.

        Args:
            parents: Choices that lead to the designs whose neighbours are wanted, one at least.
            generator: Source of randomness.
        """
        drawn = [_Neighbour(generator.choice(parents), generator) for _ in range(NEIGHBOURS)]
        return list(_each_once(map(self._candidate, drawn)))

    def _listed(self) -> Iterator[CountedNetwork]:
        answers = (answers for answers, _ in every_design(self._plan.space))
        return _each_once(self._candidate(RecallChooser(each)) for each in answers)

    def _drawn(self) -> Iterator[CountedNetwork]:
        chooser = RandomChooser(random.Random(f"{self._plan.settings.seed}/candidates"))
        found = _each_once(self._candidate(chooser) for _ in range(DRAWS))
        return (candidate for candidate, _ in zip(found, range(DRAWN), strict=False))

    def _candidate(self, chooser: Chooser) -> CountedNetwork | None:
        """Return the design that `chooser` draws; None if it cannot be, or not within the limits."""
        recorder = RecordingChooser(chooser)
        self._plan.walker.walk(recorder)
        answers = tuple(recorder.answers.items())
        if answers not in self._counted:
            self._counted[answers] = self._count(recorder.answers)
        return self._counted[answers]

    def _count(self, answers: Mapping[str, Label]) -> CountedNetwork | None:
        try:
            design = draw(self._plan, RecallChooser(answers))
        except Infeasible:
            return None
        return CountedNetwork.of(design, design.architecture, answers, self._plan.settings.objectives)


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
