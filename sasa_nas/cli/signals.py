"""Handlers of SIGTERM and SIGHUP, which end a command as Ctrl-C does."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 15.0
"""Most seconds that a command may take to end. If its workers got the signal, too, some calls would wait a minute for
them."""

AGAIN = 0.05
"""Seconds until an interrupt that was dropped comes again."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, SIGTERM or SIGHUP."""

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals other than Ctrl-C's that end a process, as far as this system has them."""


class _Ending:
    """Handler of the `ENDING` signals."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Interrupt the command; at the second signal, end the process at once."""
        if self._timer is not None:
            _end("was asked to end twice")
        self._timer = threading.Timer(PATIENCE, _end, [f"has not ended within {PATIENCE:.0f} seconds"])
        self._timer.daemon = True
        self._timer.start()
        # not the signal itself: a shell may have had SIGINT ignored, as it does for what runs in the background
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            handler(signal.SIGINT, frame)
        else:
            raise KeyboardInterrupt

    def over(self) -> None:
        """Cancel the timeout, as the command has ended."""
        if self._timer is not None:
            self._timer.cancel()


@contextmanager
def ending_like_interrupt() -> Iterator[None]:
    """Handle the `ENDING` signals as an interrupt inside a `with` block in the main thread.

    A signal that is ignored (as SIGHUP by `nohup`) or has a handler already is left alone.
    """
    ending = _Ending()
    try:
        taken = [number for number in ENDING if signal.getsignal(number) == signal.SIG_DFL]
        for number in taken:
            signal.signal(number, ending)
    except ValueError:  # in another thread, where nobody may
        taken = []
    usual_hook, sys.unraisablehook = sys.unraisablehook, _interrupt_again
    try:
        yield
    finally:
        sys.unraisablehook = usual_hook
        ending.over()
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _end(reason: str) -> None:
    # by the file descriptor: the interrupted code may hold the stream's lock
    words = f"sasa-nas: {reason}; what is finished is on the disk, and `resume` or the same command goes on with it\n"
    os.write(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2, words.encode())
    os._exit(INTERRUPTED)


def _interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Interrupt once more where an interrupt came within a callback of native code, which drops it with a trace."""
    if unraisable.exc_type is KeyboardInterrupt:
        # a moment later: here it would be dropped again
        timer = threading.Timer(AGAIN, os.kill, [os.getpid(), signal.SIGINT])
        timer.daemon = True
        timer.start()
    else:
        sys.__unraisablehook__(unraisable)
