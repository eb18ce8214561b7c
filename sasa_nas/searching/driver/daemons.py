"""Watches the processes of a private Ray: without one of them a search would wait for ever, or end without a word."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

NAMES = frozenset({"raylet", "gcs_server"})
"""The processes that Ray cannot do without, children of the one that started it."""

INTERVAL = 1.0
"""Seconds between two looks."""
PATIENCE = 20.0
"""Seconds that a search may take to end without them: some of Ray's calls wait a minute for what is gone, and then end
the process. More than a command that was asked to end may take: a signal to all its processes ends Ray's, too."""

STARTING = 180.0
"""Seconds that Ray may take to start. Ten are usual, and a minute on a machine that is overloaded."""

STATUS = 2
"""Exit status of a search that does not end."""


class DaemonWatch:
    """Interrupts the main thread once a process of Ray has died, and ends this process where that does not help.

    The same if Ray does not start.

    Begin it before Ray starts. In another thread a search is not interrupted, only ended.

    Args:
        words: Advice of one line, printed after what has happened.
        interval: Seconds between two looks at Ray's processes.
        patience: Seconds that the search may take to end after a process of Ray has died.
        starting: Seconds that Ray may take to start.
        end: Function that is called with the whole line if the search does not end; by default it ends this process.
    """

    def __init__(
        self,
        words: str,
        *,
        interval: float = INTERVAL,
        patience: float = PATIENCE,
        starting: float = STARTING,
        end: Callable[[str], None] | None = None,
    ) -> None:
        self._words = words
        self._interval = interval
        self._in_main = threading.current_thread() is threading.main_thread()
        self._patience = patience
        self._end = end or _end
        self._daemons: dict[str, psutil.Process] = {}
        self._workers: set[psutil.Process] = set()
        self._ending = threading.Event()
        self._over = threading.Event()
        self._started = threading.Event()
        self._deadline = time.monotonic() + starting
        self.lost: str | None = None
        """The whole line, once one of them has died."""
        self._thread = threading.Thread(target=self._watch, name="ray-watch", daemon=True)
        self._thread.start()

    def started(self) -> None:
        """Note that Ray is up."""
        self._started.set()

    def shut_down(self) -> None:
        """Stop watching: Ray's processes are about to be ended. Where one died before, that is to be over in time."""
        self._ending.set()

    def close(self) -> None:
        """Note that Ray is shut down, and the search at its end."""
        self._ending.set()
        self._over.set()

    def _watch(self) -> None:
        while not self._ending.wait(self._interval):
            self._find_daemons()
            dead = [daemon for daemon in self._daemons.values() if not _alive(daemon)]
            late = not self._started.is_set() and time.monotonic() > self._deadline
            if (dead or late) and not self._ending.is_set():
                self._break_off(f"a process of Ray died (number {dead[0].pid})" if dead else "Ray does not start")
                return
            self._note_workers()

    def _find_daemons(self) -> None:
        """Look for those that Ray has not started yet."""
        if len(self._daemons) < len(NAMES):
            for child in psutil.Process().children():
                with suppress(psutil.Error):
                    if child.name() in NAMES:
                        self._daemons.setdefault(child.name(), child)

    def _note_workers(self) -> None:
        """Keep in mind the raylet's children, which outlive it."""
        for daemon in self._daemons.values():
            with suppress(psutil.Error):
                self._workers |= set(daemon.children(recursive=True))

    def _break_off(self, what: str) -> None:
        for worker in self._workers:
            with suppress(psutil.Error):
                worker.kill()
        self.lost = f"{what}; {self._words}"
        # whoever ended all of them, by a signal to the process group, has asked this process to end, too
        if self._in_main and any(map(_alive, self._daemons.values())):
            # a true signal: it wakes a call that waits
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        if not self._over.wait(self._patience):
            self._end(self.lost)


def _alive(process: psutil.Process) -> bool:
    """Return whether a process lives and is no zombie."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _end(line: str) -> None:
    # by the file descriptor: the main thread may hold the stream's lock
    os.write(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2, f"sasa-nas: {line}\n".encode())
    os._exit(STATUS)
