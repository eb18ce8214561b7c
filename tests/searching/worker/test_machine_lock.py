"""Measurements and training steps of several processes: never at once, and never for ever."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from assertions import every

from sasa_nas.searching.worker.machine_lock import MachineLock, YieldingBatches, machine_lock


def train(folder: Path, log: Path, started: Event, stop: Event) -> None:
    """Steps of two milliseconds until it is stopped; the times of each are written down."""
    lock = MachineLock(folder)
    with log.open("w") as file, lock.training():
        while not stop.is_set():
            lock.make_room(lambda: None)
            begun = time.monotonic()
            time.sleep(0.002)
            file.write(f"{begun} {time.monotonic()}\n")
            started.set()


@pytest.fixture
def processes() -> Iterator[list[multiprocessing.process.BaseProcess]]:
    found: list[multiprocessing.process.BaseProcess] = []
    yield found
    for process in found:
        process.kill()
        process.join()


@pytest.mark.slow
def test_no_step_runs_while_something_is_measured(tmp_path: Path, processes) -> None:
    context = multiprocessing.get_context("fork")
    stop = context.Event()
    begun = [context.Event() for _ in range(3)]
    logs = [tmp_path / f"{i}.log" for i in range(3)]
    for log, started in zip(logs, begun, strict=True):
        processes.append(context.Process(target=train, args=(tmp_path, log, started, stop)))
        processes[-1].start()
    assert every(started.wait(20) for started in begun)
    measured = []
    for _ in range(5):
        with MachineLock(tmp_path).alone():
            start = time.monotonic()
            time.sleep(0.02)
            measured.append((start, time.monotonic()))
        time.sleep(0.02)
    stop.set()
    for process in processes:
        process.join(20)
    steps = [tuple(map(float, line.split())) for log in logs for line in log.read_text().splitlines()]
    assert len(steps) > 15
    for low, high in measured:
        assert every(end <= low or begin >= high for begin, end in steps)
    # and between measurements they went on, side by side
    assert every(any(low < begin < high for begin, _ in steps) for (_, low), (high, _) in pairwise(measured))


@pytest.mark.slow
def test_the_dead_hold_nothing(tmp_path: Path, processes) -> None:
    context = multiprocessing.get_context("fork")
    started = context.Event()
    process = context.Process(target=train, args=(tmp_path, tmp_path / "log", started, context.Event()))
    processes.append(process)
    process.start()
    assert started.wait(20)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(20)
    begun = time.monotonic()
    with MachineLock(tmp_path).alone():
        assert time.monotonic() - begun < 5


def test_a_step_without_end_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with MachineLock(tmp_path).training():
        begun = time.monotonic()
        with MachineLock(tmp_path, patience=0.05).alone():
            assert 0.05 <= time.monotonic() - begun < 5


def test_room_is_made_only_for_those_who_wait(tmp_path: Path) -> None:
    settled: list[int] = []
    lock = MachineLock(tmp_path)
    with lock.training(), MachineLock(tmp_path).training():
        lock.make_room(lambda: settled.append(1))
    assert settled == []


def test_considerate_batches_are_the_same_batches() -> None:
    class Three:
        def __len__(self) -> int:
            return 3

        def epoch(self, epoch: int) -> Iterator[int]:
            yield from (10 * epoch + i for i in range(3))

    pauses: list[int] = []
    batches = YieldingBatches(Three(), lambda: pauses.append(1))
    assert len(batches) == 3
    assert list(batches.epoch(2)) == [20, 21, 22]
    assert len(pauses) == 3


def test_turns_are_taken_in_a_folder_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert machine_lock() is not None
    (place,) = (tmp_path / "sasa-nas" / "turns").iterdir()
    assert place.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    assert machine_lock() is None
