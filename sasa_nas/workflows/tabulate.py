"""Resumable training of every network of a small space, on all cores."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from sasa_nas.cost import Counts, count_network
from sasa_nas.cost.latency_cache import Setting, latency_of
from sasa_nas.data.splits import Splits
from sasa_nas.errors import UserError
from sasa_nas.files import make_directory
from sasa_nas.run.new_folder import sole_writer, unwritable
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.space import Architecture, Image, SearchSpace, proxy_of, size
from sasa_nas.space.choosers import Label
from sasa_nas.space.enumeration import every_design
from sasa_nas.table.journal import Journal, TableTask
from sasa_nas.table.records import Row, Table, TableInfo, save_table
from sasa_nas.training.device import describe_device, pick_device
from sasa_nas.workflows.courses import Job, load_proxy, train_all
from sasa_nas.workflows.observer import TableObserver

LARGEST = 20_000
"""Most designs of a space for a table."""


@dataclass(frozen=True)
class _Member:
    """A network of the space."""

    choices: dict[str, Label]
    architecture: Architecture
    counts: Counts


def make_table(
    space: SearchSpace,
    out: Path,
    *,
    seeds: Sequence[int],
    repeated: int | None = None,
    workers: int,
    data_dir: Path | None,
    device: str,
    observer: TableObserver,
) -> Table:
    """Train every network of `space` by its proxy's recipe, time it, and write the table to `out`.

    Finished trainings are kept in `<out>.partial.jsonl` until the table is complete; a later call resumes from them.
    They are in random order, so that an unfinished table is a fair sample of the whole. The networks' weights are not
    kept. Only the train and the validation part are read.

    Args:
        space: A space of at most `LARGEST` designs.
        out: Path of the table.
        seeds: Seeds of initial weights, batches and augmentation.
        repeated: Number of networks, drawn at random, that are trained with every seed; the others are trained with the
            first alone. Default: all.
        workers: Number of processes, of one thread each.
        data_dir: Folder of data sets; if None, the default one.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        observer: Observer of the progress.

    Raises:
        UserError: If the space is too large, the data are missing, the file cannot be written, or a training fails.
    """
    if size(space) > LARGEST:
        raise UserError(f"space '{space.name}' has {size(space):,} combinations; a table takes at most {LARGEST:,}")
    if out.exists() and not out.is_file():
        raise UserError(f"{out} is there and no regular file; choose another --out")
    splits = load_proxy(space.proxy, data_dir, observer.decoding)
    where = pick_device(device)
    members = list(_members(space, splits))
    wanted = _wanted(members, seeds, repeated)
    task = TableTask(space=space.model_dump(mode="json"), seeds=tuple(seeds), device=where.type)
    partial, lock = out.with_name(f"{out.name}.partial.jsonl"), out.with_name(f".{out.name}.lock")
    try:
        make_directory(out.parent)
        with sole_writer(out.parent, lock, "sasa-nas table"):
            journal = Journal(partial, task)
            jobs = [job for job in wanted if (job.architecture.id, job.seed) not in journal.curves]
            observer.started(len(wanted), len(wanted) - len(jobs))
            for curve in train_all(jobs, space.proxy, data_dir, device=str(where), workers=workers):
                journal.add(curve)
                observer.trained(curve)
            latencies = _latencies(members, where, observer)
            table = _table(space, splits, members, seeds, journal, latencies, where)
            save_table(table, out)
            partial.unlink()
        lock.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{unwritable(out, error)}; what is trained is in {partial}") from error
    return table


def _members(space: SearchSpace, splits: Splits) -> Iterator[_Member]:
    info = splits.info
    image = Image(channels=info.channels, height=info.height, width=info.width)
    seen: set[str] = set()
    for choices, design in every_design(space):
        architecture = proxy_of(design, space.proxy, image, info.num_classes)
        if architecture.id not in seen:
            seen.add(architecture.id)
            yield _Member(choices, architecture, count_network(architecture).total)


def _wanted(members: Sequence[_Member], seeds: Sequence[int], repeated: int | None) -> list[Job]:
    """Return all trainings of the table: the first seed of all networks, then the other seeds of those to be repeated.

    The order of networks is random, and the same in every call.
    """
    drawn = random.Random(0).sample(members, len(members))
    first = [Job(member.architecture, seeds[0]) for member in drawn]
    return first + [Job(member.architecture, seed) for seed in seeds[1:] for member in drawn[:repeated]]


def _latencies(members: Sequence[_Member], device: torch.device, observer: TableObserver) -> dict[str, float]:
    """Return median seconds of one image on one thread, by architecture, measured now that no training runs."""
    setting = Setting(device, describe_device(device))
    latencies: dict[str, float] = {}
    for member in members:
        latencies[member.architecture.id] = latency_of(member.architecture, 1, setting).seconds
        observer.timed(len(latencies), len(members))
    return latencies


def _table(
    space: SearchSpace,
    splits: Splits,
    members: Sequence[_Member],
    seeds: Sequence[int],
    journal: Journal,
    latencies: Mapping[str, float],
    device: torch.device,
) -> Table:
    info = TableInfo(
        space=space.model_dump(mode="json"),
        dataset=space.proxy.dataset,  # the path as it was given, which says nothing of this machine
        epochs=space.proxy.recipe.epochs,
        seeds=tuple(seeds),
        train_images=len(splits.train),
        validation_images=len(splits.validation),
        created=datetime.now(UTC),
        versions=versions(),
        git=git_state(),
        device=describe_device(device),
    )
    rows = []
    for member in members:
        name = member.architecture.id
        curves = [journal.curves[name, seed] for seed in seeds if (name, seed) in journal.curves]
        kept = all(curve.validation_loss for curve in curves)
        rows.append(
            Row(
                choices=member.choices,
                architecture=member.architecture,
                flops=member.counts.flops(),
                params=member.counts.params,
                macs=asdict(member.counts.macs),
                accuracy=tuple(curve.accuracy for curve in curves),
                train_loss=tuple(_rounded(curve.train_loss) for curve in curves),
                validation_loss=tuple(_rounded(curve.validation_loss) for curve in curves) if kept else None,
                seconds=tuple(round(curve.seconds, 2) for curve in curves),
                latency=latencies[name],
            )
        )
    return Table(info=info, rows=tuple(rows))


def _rounded(losses: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(loss, 5) for loss in losses)
