"""Trainings of a table's all-convolution network at other widths, by the recipe of the table."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from sasa_nas.data.registry import load
from sasa_nas.data.splits import Splits
from sasa_nas.errors import UserError
from sasa_nas.run import Arm, SearchSettings
from sasa_nas.searching.plan import Design, draw
from sasa_nas.searching.propose.arm_designs import ArmDesigns
from sasa_nas.searching.propose.widths import at_width
from sasa_nas.searching.simulate.replay import replay_plan
from sasa_nas.space import Architecture, Proxy
from sasa_nas.space.choosers import RecallChooser
from sasa_nas.space.files import validate_space
from sasa_nas.table import Table
from sasa_nas.table.journal import Curve, Journal, TableTask
from sasa_nas.training.proxy import new_trainer


@dataclass(frozen=True)
class Widened:
    """A training of the all-convolution network at another width.

    Attributes:
        multiplier: Multiplier of all widths.
        seed: Seed of initial weights and the order of the data.
        design: The space's design, with the network at that width.
    """

    multiplier: float
    seed: int
    design: Design


def widened(table: Table, trainings: int) -> list[Widened]:
    """Return the trainings that `sasa-nas where --widths` adds to a run of the table's space, in its order.

    Args:
        table: The table.
        trainings: Number of trainings.

    Raises:
        UserError: If the space has no all-convolution network, or too few widths differ.
    """
    plan = replay_plan(table, SearchSettings(widths=trainings))
    designs = ArmDesigns(plan, list)
    found = []
    for place in range(trainings):
        choices, request = designs.next(Arm.WIDTH, place)
        assert request.width_multiplier is not None
        design = at_width(draw(plan, RecallChooser(choices)), request.width_multiplier)
        found.append(Widened(request.width_multiplier, request.seed, design))
    return found


def require_images(table: Table, data_dir: Path | None) -> None:
    """Check that the images at hand are as many, as large and of as many classes as those of a table.

    Args:
        table: The table.
        data_dir: Folder of data sets; if None, the default one.

    Raises:
        UserError: If they are not, or there are none.
    """
    splits, info, network = _splits(_proxy(table), data_dir), table.info, table.rows[0].architecture
    facts = splits.info
    found = (len(splits.train), len(splits.validation), facts.height, facts.width, facts.num_classes)
    image = network.image
    wanted = (info.train_images, info.validation_images, image.height, image.width, network.num_classes)
    if found != wanted:
        raise UserError(
            f"{info.dataset}: images to train and to validate, height, width and classes are {found}, those of the "
            f"table {wanted}: these are not the images that the table was made with"
        )


def open_journal(path: Path, table: Table, wanted: Sequence[Widened]) -> Journal:
    """Return the journal of trainings that have ended; made where there is none.

    Raises:
        UserError: If the file holds the trainings of another table, or of other seeds.
        OSError: If it cannot be read or written.
    """
    return Journal(path, TableTask(space=table.info.space, seeds=tuple(one.seed for one in wanted), device="cpu"))


def train(
    wanted: Sequence[Widened], table: Table, journal: Journal, data_dir: Path | None, workers: Executor
) -> list[Curve]:
    """Train what the journal does not hold yet.

    Args:
        wanted: All trainings.
        table: The table, whose recipe and data they share.
        journal: Journal to which each is added when it has ended.
        data_dir: Folder of data sets; if None, the default one.
        workers: Executor of the trainings.

    Returns:
        The courses, in the order of `wanted`.

    Raises:
        UserError: If the data are missing.
    """
    proxy = _proxy(table)
    left = [one for one in wanted if (one.design.architecture.id, one.seed) not in journal.curves]
    running = [workers.submit(course, one.design.architecture, one.seed, proxy, data_dir) for one in left]
    for future in as_completed(running):
        curve = future.result()
        journal.add(curve)
        print(
            f"{len(journal.curves)}/{len(wanted)}: seed {curve.seed}, {100 * curve.accuracy[-1]:.2f} %, "
            f"{curve.seconds:.0f} s",
            flush=True,
        )
    return [journal.curves[one.design.architecture.id, one.seed] for one in wanted]


def course(architecture: Architecture, seed: int, proxy: Proxy, data_dir: Path | None) -> Curve:
    """Train one network on the CPU, as `sasa-nas table` does."""
    splits = _splits(proxy, data_dir)
    start = time.perf_counter()
    trainer = new_trainer(architecture, splits, proxy.recipe, seed=seed, device=torch.device("cpu"))
    epochs = list(trainer.epochs())
    return Curve(
        architecture_id=architecture.id,
        seed=seed,
        accuracy=tuple(epoch.accuracy for epoch in epochs),
        train_loss=tuple(epoch.train_loss for epoch in epochs),
        validation_loss=tuple(epoch.validation_loss for epoch in epochs),
        seconds=time.perf_counter() - start,
    )


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Yield an executor of processes of one thread each; what has not begun is dropped where an error leaves it."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@cache
def _splits(proxy: Proxy, data_dir: Path | None) -> Splits:
    """Return the data, read once a process."""
    return load(proxy.dataset, data_dir=data_dir, image_size=proxy.image_size, train_images=proxy.train_images)


def _proxy(table: Table) -> Proxy:
    return validate_space(table.info.space, "the table's space").proxy
