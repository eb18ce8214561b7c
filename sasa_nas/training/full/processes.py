"""Processes of this machine that train one network together, started and watched by a process that does not train."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import SimpleQueue
from typing import Any

import torch
from torch.distributed import Store  # type: ignore[attr-defined]

from sasa_nas.errors import UserError, one_line
from sasa_nas.training.full.ranks import Ranks, store_of

_POLL = 0.1
"""Seconds between looks at messages."""

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
    context = get_context("spawn")
    messages: SimpleQueue[tuple[int | None, Any]] = context.SimpleQueue()
    threads = max(1, len(os.sched_getaffinity(0)) // size)
    processes = [
        context.Process(target=_run, args=(work, argument, Ranks(rank, size, rank), store.port, threads, messages))
        for rank in range(size)
    ]
    try:
        for process in processes:
            process.start()
        left = list(enumerate(processes))
        while left:
            connection.wait([process.sentinel for _, process in left], timeout=_POLL)
            # whoever has ended now has sent all of its messages
            ended = [(rank, process) for rank, process in left if process.exitcode is not None]
            _deliver(messages, size, received)
            for rank, process in ended:
                if process.exitcode:
                    raise RankFailed(f"process {rank} of {size} {_end_of(process.exitcode)}; the training has stopped")
            left = [each for each in left if each not in ended]
    finally:
        _end(processes)


def _deliver(
    messages: "SimpleQueue[tuple[int | None, Any]]", size: int, received: Callable[[Any], None]
) -> None:
    """Pass messages on; raise RankFailed for that of a failed process."""
    while not messages.empty():
        failed, content = messages.get()
        if failed is not None:
            raise RankFailed(f"process {failed} of {size} failed: {content}")
        received(content)


def _end_of(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def _end(processes: Sequence[SpawnProcess]) -> None:
    for process in processes:
        if process.is_alive():
            process.kill()
    for process in processes:
        if process.pid is not None:
            process.join()


def _run(
    work: Work,
    argument: Any,
    ranks: Ranks,
    port: int,
    threads: int,
    messages: "SimpleQueue[tuple[int | None, Any]]",
) -> None:
    # Ctrl-C ends it at once: what counts is on the disk, and the process that started it says so
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    try:
        work(ranks, store_of(port), argument, lambda message: messages.put((None, message)))
    except Exception as error:
        messages.put((ranks.rank, f"{type(error).__name__}: {one_line(error)}"))


def _end_with_parent() -> None:
    """End this process when the one that started it ends, however that does."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
