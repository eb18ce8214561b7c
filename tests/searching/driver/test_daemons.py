"""The watch over Ray's processes, with others of their names."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sasa_nas.searching.driver.daemons import DaemonWatch


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Handle SIGINT, which shells have background processes ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    sleep = shutil.which("sleep")
    assert sleep is not None
    started = []
    for name in ("raylet", "gcs_server"):
        shutil.copy(sleep, tmp_path / name)
        started.append(subprocess.Popen([tmp_path / name, "60"]))
        while psutil.Process(started[-1].pid).name() != name:  # it is not this process's copy any more
            time.sleep(0.001)
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_the_death_of_one_interrupts_the_search_and_then_ends_it(daemons: list[subprocess.Popen[bytes]]) -> None:
    ends: list[str] = []
    watch = DaemonWatch("go on with it", interval=0.02, patience=0.1, end=ends.append)
    time.sleep(0.1)
    assert watch.lost is None
    daemons[0].kill()
    with pytest.raises(KeyboardInterrupt):
        time.sleep(10)
    assert watch.lost == f"a process of Ray died (number {daemons[0].pid}); go on with it"
    time.sleep(0.3)
    assert ends == [watch.lost]


def test_a_search_that_ends_in_time_is_not_ended(daemons: list[subprocess.Popen[bytes]]) -> None:
    ends: list[str] = []
    watch = DaemonWatch("go on with it", interval=0.02, patience=0.2, end=ends.append)
    daemons[1].kill()
    with pytest.raises(KeyboardInterrupt):
        time.sleep(10)
    watch.shut_down()
    watch.close()
    time.sleep(0.3)
    assert (ends, watch.lost is None) == ([], False)


def test_the_end_of_ray_is_no_loss_once_it_is_dismissed(daemons: list[subprocess.Popen[bytes]]) -> None:
    watch = DaemonWatch("go on with it", interval=0.02)
    watch.shut_down()
    for process in daemons:
        process.kill()
    time.sleep(0.1)
    assert watch.lost is None


def test_a_ray_that_does_not_start_is_given_up(daemons: list[subprocess.Popen[bytes]]) -> None:
    ends: list[str] = []
    watch = DaemonWatch("try again", interval=0.02, patience=0.1, starting=0.1, end=ends.append)
    with pytest.raises(KeyboardInterrupt):
        time.sleep(10)
    assert watch.lost == "Ray does not start; try again"
    time.sleep(0.3)
    assert ends == [watch.lost]


def test_a_ray_that_is_up_has_started(daemons: list[subprocess.Popen[bytes]]) -> None:
    watch = DaemonWatch("try again", interval=0.02, starting=0.1)
    watch.started()
    time.sleep(0.3)
    assert watch.lost is None
    watch.close()
