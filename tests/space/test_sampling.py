"""Walks down a space: which forks are asked about, under which names, and what comes out."""

import itertools
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sasa_nas.space import Infeasible, SearchSpace, load_space, sample, size
from sasa_nas.space.choosers import Label, RandomChooser, RecordingChooser
from sasa_nas.space.sampling import option_labels
from sasa_nas.space.searchable import Choice, Number, Range

Tree = Any

ATTENTION = {"kind": "local_attention", "num_heads": {"choice": [1, 2]}, "positions": {"choice": ["none", "relative"]}}
NESTED: Tree = {
    "block": {"choice": ["basic", "bottleneck"]},
    "stem": {"kind": "conv", "width": 8},
    "stages": [
        {"width": {"range": [8, 24, 8]}, "operator": {"choice": [{"kind": "conv"}, ATTENTION]}},
        {"width": 16, "operator": {"choice": [{"kind": "conv", "kernel_size": {"choice": [3, 5]}}, {"kind": "conv"}]}},
    ],
}


def space_of(tree: Tree) -> SearchSpace:
    space: SearchSpace = SearchSpace.model_validate({"name": "test", **tree})
    return space


class Scripted:
    """Answers from a list, by index, and notes what it was asked."""

    def __init__(self, answers: Sequence[int]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, tuple[Label, ...]]] = []
        self.counts: list[int] = []

    def _answer(self, count: int) -> int:
        index = self.answers[len(self.counts)] if len(self.counts) < len(self.answers) else 0
        self.counts.append(count)
        return index

    def option(self, name: str, labels: Sequence[Label]) -> int:
        self.asked.append((name, tuple(labels)))
        return self._answer(len(labels))

    def number(self, name: str, values: Range) -> Number:
        numbers = values.values()
        self.asked.append((name, tuple(numbers)))
        return numbers[self._answer(len(numbers))]


def walks(space: SearchSpace) -> Iterator[Scripted]:
    """Every possible walk, by counting up the answers like a number whose digits' bases are found on the way."""
    answers: list[int] = []
    while True:
        walk = Scripted(answers)
        sample(space, walk)
        yield walk
        taken = walk.answers + [0] * (len(walk.counts) - len(walk.answers))
        answers = taken[: len(walk.counts)]
        while answers and answers[-1] + 1 == walk.counts[len(answers) - 1]:
            answers.pop()
        if not answers:
            return
        answers[-1] += 1


def test_size_is_the_number_of_walks() -> None:
    space = space_of(NESTED)
    found = list(walks(space))
    assert len(found) == size(space) == 2 * 3 * (1 + 2 * 2) * (2 + 1)
    drawn = {sample(space, Scripted(walk.answers)).id for walk in found}
    # the second stage's two ways to a 3x3 convolution are one network
    assert len(drawn) == 2 * 3 * (1 + 2 * 2) * 2


def test_the_size_of_a_shipped_space_by_brute_force() -> None:
    space = load_space("tiny")
    operators = itertools.product(["conv", "local_attention"], repeat=3)
    expected = {tuple(kinds) for kinds in operators}
    found = [sample(space, Scripted(walk.answers)) for walk in walks(space)]
    assert {tuple(stage.operator.kind for stage in design.stages) for design in found} == expected
    assert len(found) == size(space) == 8


def test_forks_are_named_by_their_path_below_the_option_taken() -> None:
    walk = Scripted([1, 2, 1, 0, 1, 0, 1])
    sample(space_of(NESTED), walk)
    assert walk.asked == [
        ("block", ("basic", "bottleneck")),
        ("stages[0].width", (8, 16, 24)),
        ("stages[0].operator", ("conv", "local_attention")),
        ("stages[0].operator.local_attention.num_heads", (1, 2)),
        ("stages[0].operator.local_attention.positions", ("none", "relative")),
        ("stages[1].operator", ("conv", "conv#1")),
        ("stages[1].operator.conv.kernel_size", (3, 5)),
    ]


def test_forks_of_options_not_taken_are_not_asked_about() -> None:
    walk = Scripted([0, 0, 0, 1])
    design = sample(space_of(NESTED), walk)
    assert [name for name, _ in walk.asked] == ["block", "stages[0].width", "stages[0].operator", "stages[1].operator"]
    assert design.block == "basic"
    assert [stage.width for stage in design.stages] == [8, 16]
    assert [stage.operator.kind for stage in design.stages] == ["conv", "conv"]


def test_answers_are_taken() -> None:
    design = sample(space_of(NESTED), Scripted([1, 2, 1, 1, 1, 0, 1]))
    assert design.block == "bottleneck"
    first, second = design.stages
    assert first.width == 24
    assert first.operator.model_dump(include={"kind", "num_heads", "positions"}) == {
        "kind": "local_attention",
        "num_heads": 2,
        "positions": "relative",
    }
    assert second.operator.model_dump() == {"kind": "conv", "kernel_size": 5}


def test_a_choice_of_whole_lists_of_stages() -> None:
    space = space_of({"stages": {"choice": [[{"width": 8}], [{"width": 8}, {"width": {"choice": [16, 24]}}]]}})
    assert size(space) == 3
    walk = Scripted([1, 1])
    assert [stage.width for stage in sample(space, walk).stages] == [8, 24]
    assert [name for name, _ in walk.asked] == ["stages", "stages.option1[1].width"]


def test_labels_of_equal_looking_options_differ() -> None:
    labels = option_labels(Choice[Any].model_validate({"choice": [1, 1.0, True, "1", None, "a"]}))
    assert [(label, type(label)) for label in labels] == [
        (1, int),
        (1.0, float),
        (True, bool),
        ("1", str),
        (None, type(None)),
        ("a", str),
    ]
    windows = [{"kind": "local_attention", "kernel_size": side} for side in (3, 5)]
    space = space_of({"stages": [{"width": 16, "operator": {"choice": [*windows, {"kind": "conv"}]}}]})
    assert option_labels(space.stages[0].operator) == ("local_attention", "local_attention#1", "conv")


def test_parts_that_do_not_fit_are_one_line() -> None:
    heads = {"kind": "local_attention", "num_heads": {"choice": [4, 6]}}
    space = space_of({"stages": [{"width": {"choice": [16, 24]}, "operator": heads}]})
    assert sample(space, Scripted([1, 1])).stages[0].width == 24
    with pytest.raises(Infeasible) as caught:
        sample(space, Scripted([0, 1]))
    message = str(caught.value)
    assert "num_heads=6 does not divide width=16" in message
    assert "\n" not in message


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), name=st.sampled_from(["tiny", "resnet_hybrid"]))
def test_recorded_answers_lead_to_the_same_design(seed: int, name: str) -> None:
    class Replay:
        def __init__(self, answers: dict[str, Label]) -> None:
            self.answers = answers

        def option(self, name: str, labels: Sequence[Label]) -> int:
            return list(labels).index(self.answers.pop(name))

        def number(self, name: str, values: Range) -> Number:
            raise AssertionError(name)

    space = load_space(name)
    recorder = RecordingChooser(RandomChooser(Random(seed)))
    try:
        design = sample(space, recorder)
    except Infeasible:
        return
    replay = Replay(dict(recorder.answers))
    assert sample(space, replay) == design
    assert replay.answers == {}
