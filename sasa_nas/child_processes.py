"""Processes of this machine that a command starts: forked with what they need imported, never outliving the command."""

import functools
import multiprocessing
import multiprocessing.util
import os
import signal
import tempfile
import threading
from collections.abc import Iterable
from multiprocessing.context import ForkServerContext, ForkServerProcess

from sasa_nas.scratch import Scratch


def child_context(module: str) -> ForkServerContext:
    """Return the context that processes are started in, without a copy of this one's threads and devices.

    Args:
        module: Module that the server, which forks the processes, imports once for all of them; it uses no device.
    """
    _folder_of_sockets()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


@functools.cache
def _folder_of_sockets() -> Scratch:
    """Return the folder in which multiprocessing keeps its sockets from now on.

    It makes one for all that a process starts, the first time that it needs one. If the process is killed, nobody
    removes that; ours is found by the next command.
    """
    folder = Scratch(for_sockets=True, at_exit=False)
    # once multiprocessing has removed its own, which has priority -100
    multiprocessing.util.Finalize(None, folder.close, exitpriority=-200)
    usual, tempfile.tempdir = tempfile.tempdir, str(folder.path)
    try:
        multiprocessing.util.get_temp_dir()
    finally:
        tempfile.tempdir = usual
    return folder


def end_at_once() -> None:
    """Let Ctrl-C, and the end of the process that started this one, end it at once: what counts is on the disk."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_with_parent()


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however it did."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # the process that forked this one is the server, which waits for its children
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def ending(process: ForkServerProcess) -> str:
    """Return in words how a process ended, which has not ended well."""
    code = process.exitcode or 0
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def end_children(processes: Iterable[ForkServerProcess]) -> None:
    """Kill those processes that are alive, and wait for all of them."""
    started = [process for process in processes if process.pid is not None]
    for process in started:
        if process.is_alive():
            process.kill()
    for process in started:
        process.join()
