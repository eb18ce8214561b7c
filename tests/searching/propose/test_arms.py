"""Trainings shared out between the sampler and designs in balance."""

from collections import Counter

import pytest

from sasa_nas.run import Arm, SearchSettings
from sasa_nas.searching.propose.arms import ArmSchedule


def session(settings: SearchSettings, started: Counter[Arm], *, searching: bool = True) -> str:
    """The arms in their order, a letter each."""
    schedule = ArmSchedule(settings, started, searching=searching)
    planned = schedule.planned
    order = ""
    while (arm := schedule.next_arm(exhausted=False)) is not None:
        started[arm] += 1
        order += arm.value[0]
    assert schedule.planned == planned == started.total()
    return order


@pytest.mark.parametrize(
    ("trials", "balanced", "order"), [(8, 0.5, "sbsbsbsb"), (7, 0.5, "sbsbsss"), (3, 0.5, "sss"), (4, 1.0, "bbbb")]
)
def test_the_share_is_kept_all_the_way_in_whole_designs(trials: int, balanced: float, order: str) -> None:
    assert session(SearchSettings(trials=trials, balanced=balanced), Counter()) == order


@pytest.mark.parametrize("balanced", [0.0, 0.25, 0.3, 1.0])
@pytest.mark.parametrize("trials", [5, 20, 33])
def test_more_come_on_top_of_a_finished_search(trials: int, balanced: float) -> None:
    started: Counter[Arm] = Counter()
    session(SearchSettings(trials=trials, balanced=balanced), started)
    more = SearchSettings(trials=trials, balanced=balanced, more_balanced=6)
    assert session(more, started, searching=False) == "b" * 6
    assert session(more, started) == "", "a resume finds nothing to do"


def test_more_come_first_in_an_unfinished_search_and_alone_where_it_does_not_go_on() -> None:
    settings = SearchSettings(trials=96, balanced=0.25)
    started = Counter({Arm.SEARCH: 15, Arm.BALANCED: 5, Arm.SWAP: 9})
    more = settings.model_copy(update={"more_balanced": 4})
    assert session(more, started, searching=False) == "bbbb"
    rest = session(more, started)
    assert Counter(rest) == {"s": 57, "b": 19}
    assert started == {Arm.SEARCH: 72, Arm.BALANCED: 28, Arm.SWAP: 9}


def test_other_widths_come_after_the_search_and_before_what_settles_the_front() -> None:
    settings = SearchSettings(trials=4, balanced=0.5, balanced_at="flops", widths=3, settle=2)
    assert session(settings, Counter()) == "sesewwwss"
    assert session(settings.model_copy(update={"widths": 4}), Counter({Arm.WIDTH: 3}), searching=False) == "wss"


def test_an_exhausted_space_still_gets_what_is_in_balance() -> None:
    started = Counter({Arm.SEARCH: 8})
    schedule = ArmSchedule(SearchSettings(trials=40, balanced=0.25), started, searching=True)
    while (arm := schedule.next_arm(exhausted=True)) is not None:
        started[arm] += 1
    assert started == {Arm.SEARCH: 8, Arm.BALANCED: 10}
