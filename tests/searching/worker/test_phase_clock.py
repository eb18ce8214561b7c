import time

import pytest

from sasa_nas.run import Phases
from sasa_nas.searching.worker.phase_clock import PhaseClock
from sasa_nas.training.proxy import EpochMetrics


def test_an_inner_phase_is_not_counted_twice() -> None:
    clock = PhaseClock()
    start = time.perf_counter()
    with clock.phase("build"):
        time.sleep(0.02)
        with clock.phase("data"):
            time.sleep(0.04)
        with clock.phase("data"):
            time.sleep(0.04)
    taken = time.perf_counter() - start
    phases = clock.read()
    assert phases.data >= 0.08
    assert phases.build >= 0.02
    assert phases.total <= taken


def test_a_phase_that_raises_is_counted() -> None:
    clock = PhaseClock()

    def fill() -> None:
        with clock.phase("checkpoint"):
            time.sleep(0.01)
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fill()
    assert clock.read().checkpoint >= 0.01


def test_epochs_tell_training_and_validation() -> None:
    clock = PhaseClock()
    clock.trained([EpochMetrics(1, 1.0, 0.5, 1.0, 2.0, 0.25), EpochMetrics(2, 1.0, 0.5, 1.0, 3.0, 0.5)])
    assert clock.read() == Phases(train=5.0, evaluate=0.75)


def test_time_between_work_and_before_it_is_the_queues() -> None:
    start = time.time() - 3.0
    clock = PhaseClock(start)
    with clock.working():
        time.sleep(0.05)
    time.sleep(0.02)
    with clock.working():
        assert 3.02 <= clock.read().queue <= time.time() - start - 0.05 + 1e-3


def test_a_driver_whose_clock_is_ahead_takes_nothing_away() -> None:
    assert PhaseClock(time.time() + 100.0).read().queue == 0.0
