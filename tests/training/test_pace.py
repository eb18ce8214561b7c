import time
from collections.abc import Callable, Iterator

import pytest
import torch

from sasa_nas.training.pace import Pace, measure_pace

CPU = torch.device("cpu")


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Work that takes as many seconds as it is told, by a clock that nothing else moves."""
    now = [100.0]
    monkeypatch.setattr("sasa_nas.training.pace.time.perf_counter", lambda: now[0])

    def take(seconds: float) -> None:
        now[0] += seconds

    return take


def test_the_first_items_warm_up_and_the_last_window_counts(work: Callable[[float], None]) -> None:
    # windows of 1, 2, 4 and 8 items; the next one would exceed the limit
    items = iter([5.0, 2.0, 1.5, 1.5, 1.0, 1.0, 1.0, 1.0] + 8 * [0.5] + 100 * [9.0])
    assert measure_pace(items, work, total=1000, limit=17.0, device=CPU) == Pace(5.0, 0.5)
    assert next(items) == 9.0


@pytest.mark.parametrize(("count", "each"), [(1, 8.0), (2, 3.0), (4, 1.0), (5, 1.0), (6, 2.0)])
def test_items_may_end_early(work: Callable[[float], None], count: int, each: float) -> None:
    # of a window that is not half full, too little is known
    items = [8.0, 3.0, 1.0, 1.0, 2.0, 2.0]
    assert measure_pace(iter(items[:count]), work, total=10**6, limit=60.0, device=CPU) == Pace(8.0, each)


def test_short_work_is_judged_by_its_first_item(work: Callable[[float], None]) -> None:
    done: list[float] = []

    def noted(item: float) -> None:
        done.append(item)
        work(item)

    assert measure_pace(iter(50 * [1.0]), noted, total=19, limit=60.0, device=CPU) == Pace(1.0, 1.0)
    assert len(done) == 1


def test_processes_agree_on_the_number_of_items(work: Callable[[float], None]) -> None:
    def items() -> Iterator[float]:
        while True:
            yield 1.0

    pace = measure_pace(items(), work, total=10**6, limit=6.0, device=CPU, agreed=lambda seconds: 2 * seconds)
    assert pace == Pace(2.0, 2.0)
    assert pace.seconds(3) == 6.0
    assert pace.seconds(0) == 0.0
    # as long as the items took by the clock, and as the limit allows by the other processes
    assert time.perf_counter() == 104.0


def test_no_item_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="items: expected at least one"):
        measure_pace(iter([]), lambda item: None, total=1, limit=1.0, device=CPU)
