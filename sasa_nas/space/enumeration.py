"""Enumeration of all designs of a small space."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from pydantic import BaseModel

from sasa_nas.space.architecture import Architecture
from sasa_nas.space.choosers import Label, RecordingChooser
from sasa_nas.space.sampling import Infeasible, Walker
from sasa_nas.space.searchable import Number, Range


class _EnumeratingChooser:
    """Chooser of listed options, then of first ones, which records its decisions and the numbers of options.

    Args:
        answers: Index of the option at each fork, in the order of the walk.
    """

    def __init__(self, answers: Sequence[int]) -> None:
        self._answers = answers
        self.trail: list[tuple[int, int]] = []

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the next index."""
        return self._next(len(labels))

    def number(self, name: str, values: Range) -> Number:
        """Return the next number."""
        numbers = values.values()
        return numbers[self._next(len(numbers))]

    def _next(self, options: int) -> int:
        place = len(self.trail)
        index = self._answers[place] if place < len(self._answers) else 0
        self.trail.append((index, options))
        return index


def every_design(space: BaseModel) -> Iterator[tuple[dict[str, Label], Architecture]]:
    """Yield all designs of `space` whose parts fit together, with their choices.

    They are in the order of the file: the last fork of a walk varies fastest. Forks that exist only below some option
    are visited there alone, so that no design is repeated unless two options are equal.
    """
    walker = Walker(space)
    answers: list[int] = []
    while True:
        odometer = _EnumeratingChooser(answers)
        recorder = RecordingChooser(odometer)
        with suppress(Infeasible):
            design = walker.sample(recorder)
            yield recorder.answers, design
        trail = odometer.trail
        while trail and trail[-1][0] + 1 == trail[-1][1]:
            trail.pop()
        if not trail:
            return
        answers = [index for index, _ in trail[:-1]] + [trail[-1][0] + 1]
