"""Worker processes of a loader: how they start, what they are asked for, and that none is left behind."""

import multiprocessing
import signal
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from sasa_nas.child_processes import child_context, end_with_parent
from sasa_nas.errors import UserError
from sasa_nas.streaming.reading import Chunk

_PREFETCH = 4
"""Chunks that each worker reads ahead."""


class Chunks:
    """Chunks that are read by worker processes, in the order in which they are asked for.

    Args:
        reader: Function of a worker, from requests to chunks.
        workers: Number of processes.
        persistent: Whether they stay when all chunks are read.
    """

    def __init__(self, reader: Dataset[Chunk], workers: int, *, persistent: bool) -> None:
        self._reader, self._workers, self._persistent = reader, workers, persistent
        self._requests = _Requests()
        self._loader: DataLoader[Chunk] | None = None
        self._pass: Generator[Chunk, None, None] | None = None

    def read(self, requests: Iterable[Any]) -> Iterator[Chunk]:
        """Yield a chunk for each request; an earlier pass that is not over ends.

        Raises:
            UserError: If an image cannot be replaced, or a worker has died.
        """
        self._end()
        self._pass = self._read(requests)
        return self._pass

    def close(self) -> None:
        """Stop the workers."""
        self._end()
        # the last reference: torch stops them
        self._loader = None

    def _end(self) -> None:
        if self._pass is not None:
            self._pass.close()
            self._pass = None

    def _read(self, requests: Iterable[Any]) -> Generator[Chunk, None, None]:
        if self._loader is None:
            self._loader = self._started()
        self._requests.current = requests
        chunks = iter(self._loader)
        while True:
            try:
                chunk = next(chunks)
            except StopIteration:
                return
            except (ConnectionError, EOFError, RuntimeError) as error:
                # torch has no type of its own for a worker that has ended, or had while it sent memory
                if isinstance(error, RuntimeError) and not str(error).startswith("DataLoader worker"):
                    raise
                self._loader = None
                raise UserError(
                    "a process that reads images has ended, perhaps for want of memory; use fewer workers"
                ) from error
            if chunk.error is not None:
                raise UserError(chunk.error)
            yield chunk

    def _started(self) -> DataLoader[Chunk]:
        return DataLoader(
            self._reader,
            batch_size=None,
            sampler=self._requests,
            num_workers=self._workers,
            prefetch_factor=_PREFETCH if self._workers else None,
            persistent_workers=self._persistent and self._workers > 0,
            multiprocessing_context=_context() if self._workers else None,
            worker_init_fn=_begin_work,
            # or else torch draws from the process's generator
            generator=torch.Generator(),
        )


class _Requests:
    """Requests of the current pass, as a sampler of torch's loader, which keeps one for all."""

    def __init__(self) -> None:
        self.current: Iterable[Any] = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.current)


def _context() -> multiprocessing.context.BaseContext:
    """Return how workers are started: without a copy of this process, whose threads and device they must not inherit.

    A server that has imported what they need forks them where there is such a thing.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    return child_context("sasa_nas.streaming.reading")


def _begin_work(_: int) -> None:
    """Prepare a worker: it leaves Ctrl-C, which a terminal sends to it, too, to its parent, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
