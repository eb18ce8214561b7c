"""Ray started for a process, or a cluster joined, and left again."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import ray

from sasa_nas.errors import UserError, one_line

OBJECT_STORE_BYTES = 100 * 2**20
"""Shared memory of a private Ray. Only small reports pass through it: workers read data sets themselves."""

ANSWER_SECONDS = 10.0
"""Seconds that a cluster may take to accept a connection."""

HANDLER_SECONDS = 0.05
"""Seconds between two times that the handler of SIGTERM is put back while Ray starts."""


@contextmanager
def joined(address: str) -> Iterator[None]:
    """Join a running cluster for the length of a `with` block; what this process has started there ends with it.

    Args:
        address: Address of the cluster, or `auto` for the one that this machine is part of.

    Raises:
        UserError: If the cluster cannot be reached.
    """
    start = RayStart(address)
    try:
        start.carry_out(None)
        yield
    finally:
        try:
            shut_down()
        finally:
            start.over.set()


class RayStart(threading.Thread):
    """Starts or joins Ray in a thread of its own, where Ray lets the process's signals alone.

    In the main thread it would handle SIGTERM while it starts, which takes seconds, and end the process at once, with
    another status or none of its words. The thread must outlive Ray: with it the system ends the processes that it has
    started.

    Args:
        address: Address of the cluster to join; None for a private Ray.
    """

    def __init__(self, address: str | None) -> None:
        super().__init__(name="ray-start", daemon=True)
        self._address = address
        self._temporary: Path | None = None
        self._failure: Exception | None = None
        self._up = threading.Event()
        self.over = threading.Event()
        """Event that is set when Ray is shut down."""

    def carry_out(self, temporary: Path | None) -> None:
        """Start Ray. A signal is heard when that is done: before, there is nothing that could be shut down.

        Args:
            temporary: The folder of a private Ray's files.

        Raises:
            UserError: If it cannot be started, or the cluster cannot be reached.
        """
        self._temporary = temporary
        handler = signal.getsignal(signal.SIGTERM)
        self.start()
        try:
            self._wait(handler)
        finally:
            self._wait(handler)
        if self._failure is not None:
            raise self._failure

    def _wait(self, handler: Callable[[int, FrameType | None], Any] | int | None) -> None:
        """Wait until Ray is up, or is not; its native part takes SIGTERM from any thread, and it is taken back."""
        up = False
        while not up:
            up = self._up.wait(HANDLER_SECONDS)
            if handler is not None:
                with suppress(ValueError):  # in another thread nobody handles signals
                    signal.signal(signal.SIGTERM, handler)

    def run(self) -> None:
        """In the thread."""
        try:
            if self._address is None:
                _start(self._temporary)
            else:
                _join(self._address)
        except Exception as error:
            self._failure = error
        finally:
            self._up.set()
        self.over.wait()


def _start(temporary: Path | None) -> None:
    """Start a private Ray, without workers: each is started when a trial wants it.

    Ray would otherwise wait for its first workers in native code, for ever if one of them dies, and no other thread of
    this process could run.
    """
    os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
    try:
        ray.init(
            address="local",
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            _temp_dir=str(temporary),
        )
    # a machine that is too busy, or out of memory, comes as an error of any type
    except Exception as error:
        raise UserError(
            f"Ray could not be started on this machine: {one_line(error)[:200]}; try again when it has more room"
        ) from error


def shut_down() -> None:
    """Shut Ray down, to the end even if it is interrupted.

    It would go on when the interpreter ends, and make the folders of a private Ray anew.
    """
    try:
        ray.shutdown()
    except KeyboardInterrupt:
        ray.shutdown()
        raise


def _join(address: str) -> None:
    """Join a running cluster, asking first whether anybody listens: Ray itself would wait for minutes."""
    try:
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if port.isdigit():
            socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"no Ray cluster answers at --address {address}: {one_line(error)[:160]}; "
            "start one with `ray start --head`, set RAY_AUTH_MODE=token if it wants a token, or leave --address out"
        ) from error
