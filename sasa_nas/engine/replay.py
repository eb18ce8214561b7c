"""Searches in a table of recorded trainings: the same proposals and the same early stopping, without training.

Time is counted in epochs: workers train side by side, and an epoch of any network takes as long as any other. A run
that was replayed is a run like any other, but for weights.
"""

import heapq
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sasa_nas.data.splits import DatasetInfo
from sasa_nas.engine.new_run import check_folder, make_folder
from sasa_nas.engine.observer import EpochReport, SearchObserver, SearchSummary, SilentObserver
from sasa_nas.engine.plan import SearchPlan
from sasa_nas.engine.proposer import Proposal, Proposer, open_study, stop_reason
from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, RunFolder, SearchSettings
from sasa_nas.run.attributes import record_of
from sasa_nas.run.new_folder import default_folder, sole_writer
from sasa_nas.space.files import validate_space
from sasa_nas.table import Row, Table, load_table

WORKERS = 4
"""Workers of a replay, unless the settings say otherwise."""


def replay(
    path: Path,
    settings: SearchSettings,
    *,
    out: Path | None = None,
    observer: SearchObserver | None = None,
    command: str = "",
) -> SearchSummary:
    """Searches the space of a table, and keeps everything in a new run folder.

    Args:
        path: The table's file.
        settings: How to search; of the table's seeds the one is taken that `settings.seed` counts off.
        out: The run's folder; `runs/<space>-<time>` where it is left out.
        observer: Told of everything that happens.
        command: The command line that asked for this, for the record.

    Raises:
        UserError: If the table cannot be read, or the folder cannot be made.
    """
    table = load_table(path)
    plan = replay_plan(table, settings)
    folder = RunFolder(out or default_folder(f"{plan.space.name}-replay"))
    check_folder(folder)
    make_folder(folder, plan, command, device=f"none: replayed from {path.name}", table=path.name)
    observer = observer or SilentObserver()
    with sole_writer(folder.path, folder.lock, "the same command"):
        study = open_study(folder, settings)
        observer.search_started(folder, settings.trials, [])
        proposer = Proposer(study, plan, observer)
        with suppress(KeyboardInterrupt):
            simulate(proposer, table, workers=settings.workers or WORKERS, seed=settings.seed, observer=observer)
        records = [record_of(trial) for trial in study.get_trials(deepcopy=False)]
    return SearchSummary(folder, records, interrupted=not proposer.done, exhausted=proposer.exhausted)


def replay_plan(table: Table, settings: SearchSettings) -> SearchPlan:
    """The plan of a search in a table, whose data set need not be at hand.

    Raises:
        UserError: If the table's space is none that this version knows.
    """
    space = validate_space(table.info.space, "the table's space")
    network = table.rows[0].architecture
    image = network.image
    data = DatasetInfo(
        name=table.info.dataset,
        channels=image.channels,
        height=image.height,
        width=image.width,
        num_classes=network.num_classes,
        flip=False,
        shift=0,
    )
    return SearchPlan(space, settings, data, ((), ()))


@dataclass(order=True)
class _Running:
    """A training under way; the one whose next epoch ends first comes first."""

    time: int
    number: int
    proposal: Proposal
    row: Row
    epoch: int = 0


def simulate(
    proposer: Proposer,
    table: Table,
    *,
    workers: int,
    seed: int,
    observer: SearchObserver,
    budget: int | None = None,
) -> int:
    """Lets workers carry out what `proposer` proposes, with the accuracies that the table holds.

    Args:
        proposer: Of a plan made by `replay_plan`.
        table: Where accuracies come from.
        workers: Trainings side by side.
        seed: Counts off one of the table's seeds.
        observer: Told of every epoch.
        budget: Epochs of all trainings together after which everything stops as it is.

    Returns:
        The epochs spent.

    Raises:
        UserError: If a design is proposed that the table does not hold.
    """
    rows = {row.architecture.id: row for row in table.rows}
    curve = seed % len(table.info.seeds)
    running: list[_Running] = []
    time = spent = 0
    observer.workers_ready(workers)
    while budget is None or spent < budget:
        while len(running) < workers and (proposal := proposer.propose()) is not None:
            row = rows.get(proposal.design.architecture.id)
            if row is None:
                raise UserError(f"the table has no network {proposal.design.architecture.id}; make it anew")
            heapq.heappush(running, _Running(time + 1, proposal.number, proposal, row))
        if not running:
            break
        training = heapq.heappop(running)
        time, training.epoch, spent = training.time, training.epoch + 1, spent + 1
        if _ends(proposer, training, table.info.epochs, curve, observer):
            continue
        training.time += 1
        heapq.heappush(running, training)
    return spent


def _ends(proposer: Proposer, training: _Running, epochs: int, curve: int, observer: SearchObserver) -> bool:
    """One epoch of a training, and whether it was the last."""
    accuracy = training.row.accuracy[curve][training.epoch - 1]
    loss = training.row.train_loss[curve][training.epoch - 1]
    observer.epoch_ended(EpochReport(training.number, training.epoch, epochs, accuracy, loss))
    seconds = training.row.seconds[curve] * training.epoch / epochs
    record = training.proposal.record(Outcome.RUNNING).model_copy(update={"epochs": training.epoch, "seconds": seconds})
    if training.epoch == epochs:
        proposer.finish(record.model_copy(update={"outcome": Outcome.TRAINED, "accuracy": accuracy}))
        return True
    if proposer.goes_on(training.number, training.epoch, accuracy):
        return False
    proposer.finish(record.model_copy(update={"outcome": Outcome.STOPPED, "reason": stop_reason(training.epoch)}))
    return True
