"""Designs among which a model of accuracy chooses: all of a small space, or many drawn at random and neighbours.

Each is counted once a session, at up to 15 ms where networks have few parts in common.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sasa_nas.searching.plan import SearchPlan, draw
from sasa_nas.searching.propose.score_filter import Candidate
from sasa_nas.space import Infeasible, size
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


class Candidates:
    """Designs within a space's limits, each with the choices that lead to it.

    Args:
        plan: Plan of the search.

    Attributes:
        complete: Whether `common` is all designs of the space.
        common: Designs that are candidates at any time, the same for equal plans, each once.
    """

    def __init__(self, plan: SearchPlan) -> None:
        self._plan = plan
        self._counted: dict[tuple[tuple[str, Label], ...], Candidate | None] = {}
        self.complete = size(plan.space) <= MOST_LISTED
        self.common = list(self._listed() if self.complete else self._drawn())

    def near(self, parents: Sequence[Mapping[str, Label]], generator: random.Random) -> list[Candidate]:
        """Return designs that differ from one of `parents` in one fork or two, and in what depends on these.

        Args:
            parents: Choices that lead to the designs whose neighbours are wanted, one at least.
            generator: Source of randomness.
        """
        drawn = [_Neighbour(generator.choice(parents), generator) for _ in range(NEIGHBOURS)]
        return list(_each_once(map(self._candidate, drawn)))

    def _listed(self) -> Iterator[Candidate]:
        answers = (answers for answers, _ in every_design(self._plan.space))
        return _each_once(self._candidate(RecallChooser(each)) for each in answers)

    def _drawn(self) -> Iterator[Candidate]:
        chooser = RandomChooser(random.Random(f"{self._plan.settings.seed}/candidates"))
        found = _each_once(self._candidate(chooser) for _ in range(DRAWS))
        return (candidate for candidate, _ in zip(found, range(DRAWN), strict=False))

    def _candidate(self, chooser: Chooser) -> Candidate | None:
        """Return the design that `chooser` draws; None if it cannot be, or not within the limits."""
        recorder = RecordingChooser(chooser)
        self._plan.walker.walk(recorder)
        answers = tuple(recorder.answers.items())
        if answers not in self._counted:
            try:
                self._counted[answers] = Candidate(draw(self._plan, RecallChooser(recorder.answers)), recorder.answers)
            except Infeasible:
                self._counted[answers] = None
        return self._counted[answers]


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


def _each_once(candidates: Iterable[Candidate | None]) -> Iterator[Candidate]:
    """Yield the candidates that there are, of those of one network the first."""
    seen: set[str] = set()
    for candidate in candidates:
        if candidate is not None and candidate.design.architecture.id not in seen:
            seen.add(candidate.design.architecture.id)
            yield candidate
