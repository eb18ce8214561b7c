"""Choosers at the forks of a search space: random, by Latin hypercube, recording and recalling."""

import random
from collections.abc import Mapping, Sequence
from typing import Protocol

from sasa_nas.space.searchable import Number, Range

Label = str | int | float | bool | None
"""Label of an option, for users and samplers."""


class Chooser(Protocol):
    """Protocol of the decisions at the forks of a walk."""

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the index of the option taken at the fork `name`."""

    def number(self, name: str, values: Range) -> Number:
        """Return a number of the range at the fork `name`."""


class RandomChooser:
    """Chooser of a uniformly random option at every fork.

    Args:
        generator: The source of randomness.
    """

    def __init__(self, generator: random.Random) -> None:
        self.generator = generator

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return a uniformly drawn index."""
        return self.generator.randrange(len(labels))

    def number(self, name: str, values: Range) -> Number:
        """Return a uniformly drawn number of the range."""
        return self.generator.choice(values.values())


class LatinHypercubeChooser:
    """Chooser of every option of every fork equally often, over many walks.

    Each fork has its own random permutation of its options, drawn anew when it is used up: after as many walks as a
    fork has options, each has been chosen once. The forks stay independent of each other, which a comparison of
    options needs (a Latin hypercube, McKay et al. 1979, for categories).

    Args:
        generator: The source of randomness.
    """

    def __init__(self, generator: random.Random) -> None:
        self.generator = generator
        self._decks: dict[str, list[int]] = {}

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the next index of this fork's permutation."""
        return self._deal(name, len(labels))

    def number(self, name: str, values: Range) -> Number:
        """Return the next number of this fork's permutation."""
        numbers = values.values()
        return numbers[self._deal(name, len(numbers))]

    def _deal(self, name: str, cards: int) -> int:
        deck = self._decks.setdefault(name, [])
        if not deck:
            deck.extend(range(cards))
            self.generator.shuffle(deck)
        return deck.pop()


class RecordingChooser:
    """Chooser that records the decisions of another one, by name.

    Args:
        chooser: The other chooser.
    """

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        self.answers: dict[str, Label] = {}

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the other chooser's index."""
        index = self.chooser.option(name, labels)
        self.answers[name] = labels[index]
        return index

    def number(self, name: str, values: Range) -> Number:
        """Return the other chooser's number."""
        self.answers[name] = number = self.chooser.number(name, values)
        return number


class RecallChooser:
    """Chooser that repeats recorded decisions.

    Args:
        answers: Labels and numbers by the fork's name.
    """

    def __init__(self, answers: Mapping[str, Label]) -> None:
        self._answers = answers

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the index of the recorded label."""
        return list(labels).index(self._answers[name])

    def number(self, name: str, values: Range) -> Number:
        """Return the recorded number."""
        number = self._answers[name]
        assert isinstance(number, int | float)
        return number
