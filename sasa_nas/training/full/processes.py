"""Processes of this machine that train one network together, started and watched by a process that does not train."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import multiprocessing
from torch.distributed import Store  # type: ignore[attr-defined]
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, SpawnContext, spawn

from sasa_nas.errors import UserError
from sasa_nas.training.full.ranks import Ranks, store_of

_POLL = 0.1
"""Seconds between looks at the processes."""

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
    queue = multiprocessing.get_context("spawn").SimpleQueue()
    threads = max(1, len(os.sched_getaffinity(0)) // size)
    context = spawn(_run, (work, argument, size, store.port, threads, queue), nprocs=size, join=False)  # type: ignore[no-untyped-call]
    try:
        ended = False
        while not ended:
            ended = context.join(timeout=_POLL)
            while not queue.empty():
                received(queue.get())
    except ProcessExitedException as error:
        how = f"killed by {error.signal_name}" if error.signal_name else f"ended with status {error.exit_code}"
        raise RankFailed(f"process {error.error_index} of {size} was {how}, and the training has stopped") from error
    except ProcessRaisedException as error:
        while not queue.empty():
            received(queue.get())
        last = str(error).strip().splitlines()[-1].strip()
        raise RankFailed(f"process {error.error_index} of {size} failed: {last}") from error
    finally:
        _end(context)


def _run(
    local: int,
    work: Work,
    argument: Any,
    size: int,
    port: int,
    threads: int,
    queue: "multiprocessing.SimpleQueue[Any]",
) -> None:
    # Ctrl-C and the end of the process that started this one end it at once: what counts is on the disk
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(threads)
    work(Ranks(local, size, local), store_of(port), argument, queue.put)


def _end(context: SpawnContext) -> None:
    for process in context.processes:
        if process.is_alive():
            process.kill()
    limit = time.monotonic() + 10.0
    for process in context.processes:
        process.join(max(0.0, limit - time.monotonic()))
