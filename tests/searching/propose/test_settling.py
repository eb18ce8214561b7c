"""Further trainings of the networks whose place on the front is least certain."""

from collections import Counter

import numpy as np
import pytest

from sasa_nas.run import Arm, Outcome, TrialRecord
from sasa_nas.searching.propose.settling import least_certain

OBJECTIVES = ("accuracy", "flops")
PATTERNS = [f"{number:04b}".replace("0", "C").replace("1", "L") for number in range(16)]


@pytest.fixture
def records(make_record) -> list[TrialRecord]:
    """Sixteen networks, each trained twice, whose accuracy grows with their cost, and two rivals for the best place."""
    generator = np.random.default_rng(0)
    made = []
    for number, pattern in enumerate(PATTERNS * 2):
        value = 0.80 + 0.02 * pattern.count("L") + 0.003 * generator.standard_normal()
        made.append(make_record(number, value, 1000 + number % 16, pattern=pattern, design=0))
    return made


def test_too_few_networks_are_not_settled(records: list[TrialRecord]) -> None:
    assert least_certain(records[:7], OBJECTIVES) is None


def test_a_network_that_is_certainly_on_the_front_is_not_trained_again(records: list[TrialRecord]) -> None:
    chosen = least_certain(records, OBJECTIVES)
    # the cheapest is on it whatever its accuracy; the most accurate by two points is the dearest, too
    assert chosen not in (0, 15, None)
    assert least_certain(records, OBJECTIVES) == chosen


def test_trainings_under_way_count(records: list[TrialRecord]) -> None:
    under_way = []
    for number in range(100, 108):
        chosen = least_certain([*records, *under_way], OBJECTIVES)
        assert chosen is not None
        changes = {"number": number, "arm": Arm.SETTLE, "outcome": Outcome.RUNNING, "accuracy": None}
        under_way.append(records[chosen].model_copy(update=changes))
    trained = Counter(record.architecture_id for record in under_way)
    assert max(trained.values()) < 6
    # those of the search's own arm tell nothing yet
    running = records[3].model_copy(update={"number": 50, "outcome": Outcome.RUNNING, "accuracy": None})
    assert least_certain([*records, running], OBJECTIVES) == least_certain(records, OBJECTIVES)
