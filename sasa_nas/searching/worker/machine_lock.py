"""Lets a latency be measured while other processes train on the same machine: they make room between two steps.

Training steps of any number of processes run side by side; a measurement runs while no step does. So it is disturbed
by nothing of ours but the driver, and costs the others the time it takes, a few tenths of a second, once a network.

This is a readers-writer lock of two lock files, of which a measurement first takes the turnstile, so that it is not
kept waiting for ever by trainings that overlap. The system frees both when a process dies. A machine's processes of one
user share them, whichever run they belong to, if that run measures latencies.
"""

import fcntl
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from sasa_nas.files import private_cache
from sasa_nas.training.loop import EpochBatches

PATIENCE = 60.0
"""Seconds after which a measurement begins although somebody's step has not ended: then its quartiles show it."""
_POLL = 0.002

Batch_co = TypeVar("Batch_co", covariant=True)


def machine_lock() -> "MachineLock | None":
    """Return this process's part among the user's processes on this machine; None where they have no folder to meet in.

    Without, nothing makes room: then a latency's quartiles show how much it was disturbed.
    """
    try:
        return MachineLock(private_cache("turns", platform.node() or "machine"))
    except OSError:
        return None


class MachineLock:
    """One process's part in taking turns.

    Args:
        folder: Existing folder of the lock files, the same for all processes that take turns.
        patience: Seconds after which a measurement begins although others' steps have not ended.
    """

    def __init__(self, folder: Path, *, patience: float = PATIENCE) -> None:
        self._turnstile = folder / "turnstile.lock"
        self._room = folder / "room.lock"
        self._patience = patience
        self._held: tuple[int, int] | None = None

    @contextmanager
    def training(self) -> Iterator[None]:
        """Run a block of steps beside others', between which `make_room` is called."""
        with _opened(self._turnstile) as turnstile, _opened(self._room) as room:
            self._held = turnstile, room
            _enter(turnstile, room)
            try:
                yield
            finally:
                self._held = None

    def make_room(self, settle: Callable[[], None]) -> None:
        """Lets measurements that wait go first; within `training`.

        Args:
            settle: Waits until the last step has left the device; called only if somebody waits.
        """
        assert self._held is not None
        turnstile, room = self._held
        try:
            fcntl.flock(turnstile, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(turnstile, fcntl.LOCK_UN)
        except BlockingIOError:
            settle()
            fcntl.flock(room, fcntl.LOCK_UN)
            _enter(turnstile, room)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Run a block while no others train; outside `training`."""
        with _opened(self._turnstile) as turnstile, _opened(self._room) as room:
            fcntl.flock(turnstile, fcntl.LOCK_EX)
            end = time.monotonic() + self._patience
            while not _try(room) and time.monotonic() < end:
                time.sleep(_POLL)
            yield


class YieldingBatches(Generic[Batch_co]):
    """Batches before each of which measurements that wait may go first.

    Args:
        batches: Batches to yield.
        make_room: Function that is called before each batch.
    """

    def __init__(self, batches: EpochBatches[Batch_co], make_room: Callable[[], None]) -> None:
        self._batches = batches
        self._make_room = make_room

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self._batches)

    def epoch(self, epoch: int) -> Iterator[Batch_co]:
        """Yield the batches of one epoch, as they are."""
        for batch in self._batches.epoch(epoch):
            self._make_room()
            yield batch


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Provide a lock file of one's own; closing it gives up what was locked."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def _enter(turnstile: int, room: int) -> None:
    fcntl.flock(turnstile, fcntl.LOCK_SH)
    fcntl.flock(room, fcntl.LOCK_SH)
    fcntl.flock(turnstile, fcntl.LOCK_UN)


def _try(room: int) -> bool:
    try:
        fcntl.flock(room, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
