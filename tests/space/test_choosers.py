"""Who decides at forks: fair, in balance, repeatable."""

from collections import Counter
from random import Random

from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st

from sasa_nas.space import load_space, sample
from sasa_nas.space.choosers import LatinHypercubeChooser, RandomChooser, RecordingChooser
from sasa_nas.space.searchable import Range

RANGE = Range(range=(2, 8, 2))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), options=st.integers(1, 6), rounds=st.integers(1, 4))
def test_a_latin_hypercube_deals_every_option_of_a_fork_once_a_round(seed: int, options: int, rounds: int) -> None:
    chooser = LatinHypercubeChooser(Random(seed))
    labels = [f"option{i}" for i in range(options)]
    for _ in range(rounds):
        dealt = [chooser.option("fork", labels) for _ in range(options)]
        assert sorted(dealt) == list(range(options))
        numbers = [chooser.number("range", RANGE) for _ in range(4)]
        assert sorted(numbers) == [2, 4, 6, 8]


def test_forks_of_a_latin_hypercube_are_dealt_apart() -> None:
    chooser = LatinHypercubeChooser(Random(3))
    pairs = Counter((chooser.option("a", [0, 1]), chooser.option("b", [0, 1])) for _ in range(400))
    # both forks are exactly even, and all four combinations come up: a shared deck would bring two
    assert {a: sum(n for (x, _), n in pairs.items() if x == a) for a in (0, 1)} == {0: 200, 1: 200}
    assert min(pairs.values()) > 60
    assert len(pairs) == 4


def test_a_latin_hypercube_of_a_space_has_each_operator_equally_often() -> None:
    space = load_space("tiny")
    chooser = LatinHypercubeChooser(Random(0))
    designs = [sample(space, chooser) for _ in range(10)]
    for stage in range(3):
        kinds = Counter(design.stages[stage].operator.kind for design in designs)
        assert kinds == {"conv": 5, "local_attention": 5}


def test_random_draws_follow_their_seed() -> None:
    space = load_space("resnet_hybrid")

    def ids(seed: int) -> list[dict[str, object]]:
        chooser = RandomChooser(Random(seed))
        walks = []
        for _ in range(5):
            recorder = RecordingChooser(chooser)
            sample(space, recorder)
            walks.append(dict(recorder.answers))
        return walks

    assert ids(7) == ids(7)
    assert ids(7) != ids(8)


def test_random_draws_are_uniform() -> None:
    chooser = RandomChooser(Random(1))
    options = Counter(chooser.option("fork", ["a", "b", "c", "d"]) for _ in range(4000))
    numbers = Counter(chooser.number("range", RANGE) for _ in range(4000))
    for counts in (options, numbers):
        assert len(counts) == 4
        # four standard deviations of a binomial with p = 1/4
        assert every(abs(count - 1000) < 4 * (4000 * 0.25 * 0.75) ** 0.5 for count in counts.values())


def test_a_recorder_keeps_labels_and_numbers_by_name() -> None:
    class Last:
        def option(self, name: str, labels: object) -> int:
            return 1

        def number(self, name: str, values: Range) -> int:
            return 8

    recorder = RecordingChooser(Last())
    assert recorder.option("stem", ["conv", "attention"]) == 1
    assert recorder.number("stages[0].width", RANGE) == 8
    assert recorder.answers == {"stem": "attention", "stages[0].width": 8}
