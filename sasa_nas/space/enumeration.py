"""Enumeration of all designs of a small space, and of all options of a part of any."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import product
from typing import Any

from pydantic import BaseModel

from sasa_nas.space.architecture import Architecture
from sasa_nas.space.choosers import Label, RecordingChooser
from sasa_nas.space.sampling import Infeasible, Walker, has_forks, option_labels
from sasa_nas.space.searchable import Choice, Number, Range


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


def every_answer(node: Any, path: str) -> Iterator[dict[str, Label]]:
    """Yield all choices at the forks of a part of a space, whether or not what is chosen fits together.

    Args:
        node: The part.
        path: Its path in the space, as in `stages[0].operator`, with which the names of its forks begin.

    Yields:
        The choice at each fork, by the fork's name; nothing but an empty dictionary if there are no forks.
    """
    if isinstance(node, Choice):
        for option, label in zip(node.choice, option_labels(node), strict=True):
            inside = f"{path}.{label}" if has_forks(option) else path
            yield from ({path: label, **answers} for answers in every_answer(option, inside))
    elif isinstance(node, Range):
        for value in node.values():
            yield {path: value}
    elif isinstance(node, BaseModel):
        yield from _combined([every_answer(getattr(node, n), f"{path}.{n}") for n in type(node).model_fields])
    elif isinstance(node, tuple):
        yield from _combined([every_answer(item, f"{path}[{i}]") for i, item in enumerate(node)])
    else:
        yield {}


def _combined(parts: Sequence[Iterator[dict[str, Label]]]) -> Iterator[dict[str, Label]]:
    for picked in product(*parts):
        yield {name: label for answers in picked for name, label in answers.items()}
