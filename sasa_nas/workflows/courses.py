"""Trainings of many networks by a proxy's recipe, side by side in processes of one thread each."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import torch

from sasa_nas.data.decoded import Progress
from sasa_nas.data.registry import load
from sasa_nas.data.splits import Splits
from sasa_nas.operators.plugins import OperatorFile, loaded_operators, receive_operators
from sasa_nas.space import Architecture, Proxy
from sasa_nas.table.journal import Curve
from sasa_nas.training.proxy import new_trainer


@dataclass(frozen=True)
class Job:
    """A training, as sent to a worker process.

    Attributes:
        architecture: The network.
        seed: Seed of its initial weights, batches and augmentation.
    """

    architecture: Architecture
    seed: int


def load_proxy(proxy: Proxy, data_dir: Path | None, progress: Progress | None = None) -> Splits:
    """Return the images of a proxy.

    Args:
        proxy: The proxy.
        data_dir: Folder of data sets; if None, the default one.
        progress: Observer of the decoding of images; None for none.

    Raises:
        UserError: If the data are missing.
    """
    return load(
        proxy.dataset,
        data_dir=data_dir,
        image_size=proxy.image_size,
        train_images=proxy.train_images,
        progress=progress,
    )


def train_all(
    jobs: Sequence[Job], proxy: Proxy, data_dir: Path | None, *, device: str, workers: int
) -> Iterator[Curve]:
    """Train networks, and yield the course of each as soon as it has ended.

    Args:
        jobs: The trainings, the first ones begun first.
        proxy: Recipe and data of all.
        data_dir: Folder of data sets; if None, the default one.
        device: Name of the device, such as `cpu`.
        workers: Number of processes.
    """
    context = multiprocessing.get_context("spawn")
    waiting = iter(jobs)
    running: set[Future[Curve]] = set()
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start, initargs=(loaded_operators(), proxy, data_dir, device)
    )
    try:
        while True:
            # no more in hand than keeps everyone busy: what a Ctrl-C throws away is little
            while len(running) < 2 * workers and (job := next(waiting, None)) is not None:
                running.add(pool.submit(_train, job))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Worker:
    """State of a worker process between trainings."""

    splits: Splits
    proxy: Proxy
    device: torch.device


def _start(operators: tuple[OperatorFile, ...], proxy: Proxy, data_dir: Path | None, device: str) -> None:
    torch.set_num_threads(1)
    # before any description of theirs is unpickled
    receive_operators(operators)
    _Worker.splits = load_proxy(proxy, data_dir)
    _Worker.proxy = proxy
    _Worker.device = torch.device(device)


def _train(job: Job) -> Curve:
    start = time.perf_counter()
    recipe = _Worker.proxy.recipe
    trainer = new_trainer(job.architecture, _Worker.splits, recipe, seed=job.seed, device=_Worker.device)
    epochs = list(trainer.epochs())
    return Curve(
        architecture_id=job.architecture.id,
        seed=job.seed,
        accuracy=tuple(epoch.accuracy for epoch in epochs),
        train_loss=tuple(epoch.train_loss for epoch in epochs),
        validation_loss=tuple(epoch.validation_loss for epoch in epochs),
        seconds=time.perf_counter() - start,
    )
