"""Processes of this machine that train one network together, started and watched by a process that does not train."""

import os
import time
from collections.abc import Callable, Sequence
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.queues import SimpleQueue
from typing import Any

import torch
from torch.distributed import Store  # type: ignore[attr-defined]

from sasa_nas.child_processes import child_context, end_at_once, end_children, ending
from sasa_nas.errors import UserError, one_line
from sasa_nas.training.full.ranks import Ranks, store_of

_POLL = 0.1
"""Seconds between looks at messages."""
_MOMENT = 1.0
"""Seconds within which a killed process is found dead, after another has failed for want of it."""

Work = Callable[[Ranks, Store, Any, Callable[[Any], None]], None]
"""Work of a process: its place, the store by which the processes meet, the argument, and a function that sends a
message to the process that started them."""


class RankFailed(UserError):
    """Error that one of the processes was killed or failed; the others have been ended."""


def run_ranks(work: Work, argument: Any, size: int, received: Callable[[Any], None]) -> None:
    """Run `work` in processes of this machine, to the end of all.

    If one ends early, the others are ended. They do not outlive this process.

    Args:
        work: Function of a module.
        argument: Argument of every process, which can be pickled.
        size: Number of processes.
        received: Callback for messages of the processes, called in this thread.

    Raises:
        RankFailed: If a process was killed or raised an exception.
    """
    store = store_of(None)
    context = child_context("sasa_nas.training.full.checkpoints")
    messages: SimpleQueue[tuple[int | None, Any]] = context.SimpleQueue()
    threads = max(1, len(os.sched_getaffinity(0)) // size)
    processes = [
        context.Process(target=_run, args=(work, argument, Ranks(rank, size, rank), store.port, threads, messages))
        for rank in range(size)
    ]
    try:
        for process in processes:
            process.start()
        failed: tuple[int, str] | None = None
        while failed is None and any(process.is_alive() for process in processes):
            connection.wait([process.sentinel for process in processes if process.is_alive()], timeout=_POLL)
            # whoever has ended now has sent all of its messages
            codes = [process.exitcode for process in processes]
            failed = _deliver(messages, received)
            if any(codes):
                break
        _require_ended(processes, failed)
    finally:
        end_children(processes)


def _deliver(
    messages: "SimpleQueue[tuple[int | None, Any]]", received: Callable[[Any], None]
) -> tuple[int, str] | None:
    """Pass messages on, up to that of a failed process; return its number and error, None if there is none."""
    while not messages.empty():
        failed, content = messages.get()
        if failed is not None:
            return failed, content
        received(content)
    return None


def _require_ended(processes: Sequence[ForkServerProcess], failed: tuple[int, str] | None) -> None:
    """Check that all processes have done their work.

    Args:
        processes: The processes.
        failed: Number and error of one that has failed, perhaps because another was killed.

    Raises:
        RankFailed: If one has not.
    """
    size = len(processes)
    limit = time.monotonic() + (_MOMENT if failed else 0.0)
    while True:
        for rank, process in enumerate(processes):
            if process.exitcode:
                raise RankFailed(f"process {rank} of {size} {ending(process)}, and the training has stopped")
        if time.monotonic() >= limit:
            break
        time.sleep(_POLL)
    if failed is not None:
        raise RankFailed(f"process {failed[0]} of {size} failed: {failed[1]}")


def _run(
    work: Work,
    argument: Any,
    ranks: Ranks,
    port: int,
    threads: int,
    messages: "SimpleQueue[tuple[int | None, Any]]",
) -> None:
    end_at_once()
    torch.set_num_threads(threads)
    try:
        work(ranks, store_of(port), argument, lambda message: messages.put((None, message)))
    except Exception as error:
        messages.put((ranks.rank, f"{type(error).__name__}: {one_line(error)}"))
