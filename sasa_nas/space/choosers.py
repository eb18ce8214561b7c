"""Choosers at the forks of a search space: at random, in balance, or somebody else while we take notes."""

import random
from collections.abc import Mapping, Sequence
from typing import Protocol

from sasa_nas.space.searchable import Number, Range

Label = str | int | float | bool | None
"""What stands for an option wherever a person or a sampler sees it."""


class Chooser(Protocol):
    """Decision at the forks of a walk."""

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the index of the option taken at the fork `name`."""

    def number(self, name: str, values: Range) -> Number:
        """Return a number of the range at the fork `name`."""


class RandomChooser:
    """Chooses uniformly at every fork.

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


class BalancedChooser:
    """Chooses so that, over many walks, every option of every fork comes up equally often.

    Each fork deals its options from a shuffled deck of its own and shuffles anew when the deck is empty: after
    as many walks as a fork has options, each has come up once. The forks stay independent of each other, which
    is what a comparison of options needs (a Latin hypercube, McKay et al. 1979, for categories).

    Args:
        generator: The source of randomness.
    """

    def __init__(self, generator: random.Random) -> None:
        self.generator = generator
        self._decks: dict[str, list[int]] = {}

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the next index of this fork's deck."""
        return self._deal(name, len(labels))

    def number(self, name: str, values: Range) -> Number:
        """Return the next number of this fork's deck."""
        numbers = values.values()
        return numbers[self._deal(name, len(numbers))]

    def _deal(self, name: str, cards: int) -> int:
        deck = self._decks.setdefault(name, [])
        if not deck:
            deck.extend(range(cards))
            self.generator.shuffle(deck)
        return deck.pop()


class RecordingChooser:
    """Passes every question on and keeps the answers, by name.

    Args:
        chooser: Who answers.
    """

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        self.answers: dict[str, Label] = {}

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the other chooser's answer."""
        index = self.chooser.option(name, labels)
        self.answers[name] = labels[index]
        return index

    def number(self, name: str, values: Range) -> Number:
        """Return the other chooser's answer."""
        self.answers[name] = number = self.chooser.number(name, values)
        return number


class RecallChooser:
    """Answers as was written down.

    Args:
        answers: By the fork's name.
    """

    def __init__(self, answers: Mapping[str, Label]) -> None:
        self._answers = answers

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the index of the label that was written down."""
        return list(labels).index(self._answers[name])

    def number(self, name: str, values: Range) -> Number:
        """Return the number that was written down."""
        number = self._answers[name]
        assert isinstance(number, int | float)
        return number
