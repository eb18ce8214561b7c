"""Searches in a table of recorded trainings: the same proposals and the same early stopping, without training.

A run that was replayed is a run like any other, but for weights.
"""

from contextlib import ExitStack, suppress
from pathlib import Path

from sasa_nas.data.splits import DatasetInfo
from sasa_nas.errors import UserError
from sasa_nas.run import RunFolder, SearchSettings
from sasa_nas.run.new_folder import default_folder, sole_writer
from sasa_nas.searching.new_run import check_folder, make_folder
from sasa_nas.searching.observer import SearchObserver, SearchSummary
from sasa_nas.searching.plan import SearchPlan, refuse_measuring
from sasa_nas.searching.propose.proposal import Proposal
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import opened_study
from sasa_nas.searching.simulate.simulation import WORKERS, Courses, simulate
from sasa_nas.space.files import validate_space
from sasa_nas.synthetic import Course
from sasa_nas.table import Table, load_table


def replay(
    path: Path,
    settings: SearchSettings,
    *,
    out: Path | None = None,
    observer: SearchObserver | None = None,
    command: str = "",
) -> SearchSummary:
    """Search the space of a table, and keep everything in a new run folder.

    Args:
        path: The table's file.
        settings: Settings of the search; each of the table's seeds is used once before any is used again.
        out: Folder of the run; default: `runs/<space>-<time>`.
        observer: Observer of the progress.
        command: The command line that asked for this, for the record.

    Raises:
        UserError: If the table cannot be read, or the folder cannot be made.
    """
    if settings.balanced_at == "flops" or settings.widths:
        raise UserError("a table holds no networks of other widths than its space's: leave out balanced_at and widths")
    table = load_table(path)
    plan = replay_plan(table, settings)
    folder = RunFolder(out or default_folder(f"{plan.space.name}-replay"))
    check_folder(folder)
    observer = observer or SearchObserver()
    with ExitStack() as stack:
        stack.enter_context(sole_writer(folder.path, folder.lock, "the same command"))
        make_folder(folder, plan, command, device=f"none: replayed from {path.name}", table=path.name)
        study = stack.enter_context(opened_study(folder, plan))
        observer.search_started(folder, settings.trials, [])
        observer.sampler_chosen(plan.sampler)
        proposer = Proposer(study, plan, observer)
        with suppress(KeyboardInterrupt):
            simulate(proposer, recorded(table), workers=settings.workers or WORKERS, observer=observer)
        records = study.records()
    return SearchSummary(folder, records, interrupted=not proposer.done, exhausted=proposer.exhausted)


def replay_plan(table: Table, settings: SearchSettings) -> SearchPlan:
    """Return the plan of a search in a table, whose data set need not be at hand.

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
    plan = SearchPlan(space, settings, data, ((), ()))
    refuse_measuring(plan, "a replay")
    return plan


def recorded(table: Table) -> Courses:
    """Return the trainings that a table holds.

    A network's first training is the one that its seed counts off, the others follow in order: none comes twice before
    all have come, so that several trainings of a design are as independent as they are in a search that trains.

    Raises:
        UserError: From the function returned, if a design is proposed that the table does not hold.
    """
    rows = {row.architecture.id: row for row in table.rows}
    next_places: dict[str, int] = {}

    def course(proposal: Proposal) -> Course:
        row = rows.get(proposal.design.architecture.id)
        if row is None:
            raise UserError(f"the table has no network {proposal.design.architecture.id}; make it anew")
        place = next_places.get(row.architecture.id, proposal.request.seed) % len(row.seconds)
        next_places[row.architecture.id] = place + 1
        return Course(row.accuracy[place], row.train_loss[place], row.seconds[place])

    return course
