"""A session of a search: makes or opens a run's folder, starts Ray where networks are trained, settles the files."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from sasa_nas.cluster.isolation import keep_private, require_shareable
from sasa_nas.errors import UserError
from sasa_nas.files import write_text
from sasa_nas.run import ExternalResources, RunFolder, RunInfo, SearchSettings
from sasa_nas.run.external import NOTHING
from sasa_nas.run.new_folder import default_folder, sole_writer
from sasa_nas.searching.driver.logging_setup import configure_logging
from sasa_nas.searching.driver.trial_files import TrialFiles
from sasa_nas.searching.new_run import check_folder, make_folder
from sasa_nas.searching.observer import SearchObserver, SearchSummary
from sasa_nas.searching.plan import SearchPlan, plan_search
from sasa_nas.searching.propose.balanced import REPLICATES
from sasa_nas.searching.propose.equal_flops import require_equal_flops
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import opened_study
from sasa_nas.searching.propose.swaps import Swaps, request_swaps
from sasa_nas.searching.propose.widths import widenings
from sasa_nas.searching.resuming import require_same_data, trainable
from sasa_nas.searching.simulate.simulation import WORKERS, by_formula, simulate
from sasa_nas.searching.storage import Storage
from sasa_nas.space import SearchSpace
from sasa_nas.space.files import validate_space
from sasa_nas.synthetic import is_synthetic
from sasa_nas.training.device import describe_device, pick_device

configure_logging()

Preparation = Callable[[RunFolder, SearchPlan], None]
"""Work of other rooms on a run's folder, before its first training."""


def search(
    space: SearchSpace,
    settings: SearchSettings | None = None,
    *,
    out: Path | None = None,
    observer: SearchObserver | None = None,
    command: str = "",
    prepare: Preparation | None = None,
) -> SearchSummary:
    """Search `space` and keep everything in a new run folder.

    Args:
        space: Space to search; its proxy says how designs are judged.
        settings: Settings of the search; the defaults if None.
        out: Folder of the run, which must not exist or be empty; default: `runs/<space>-<time>`.
        observer: Observer of the progress.
        command: The command line that asked for this, for the record.
        prepare: Function called once the run's folder exists, before its first training; None for none.

    Returns:
        The run's folder and its trials.

    Raises:
        UserError: If the search cannot be carried out as asked; then nothing was written.
    """
    settings = settings or SearchSettings()
    folder = RunFolder(out or default_folder(space.name))
    check_folder(folder)
    observer = observer or SearchObserver()
    plan = plan_search(space, settings, observer)
    _check_widths(plan)
    if settings.balanced_at == "flops":
        require_equal_flops(plan)
    if settings.storage is not None:
        Storage(settings.storage).check(new=True)
    if is_synthetic(plan.data.name):
        with _sole_searcher(folder):
            make_folder(folder, plan, command, device="none: answered by a formula")
            return _carry_out(folder, plan, observer, nullcontext(0))
    # Ray before the folder: a cluster that does not answer leaves nothing behind
    with _workers(settings, folder):
        from sasa_nas.searching.driver.cluster import trials_at_a_time
        from sasa_nas.searching.driver.packing import pack

        plan, packing = pack(plan, observer)
        slots = trials_at_a_time(plan.settings)
        with _sole_searcher(folder):
            make_folder(folder, plan, command, device=describe_device(pick_device("auto")), packing=packing)
            return _carry_out(folder, plan, observer, nullcontext(slots), prepare=prepare)


def resume(
    path: Path,
    *,
    trials: int | None = None,
    external: ExternalResources = NOTHING,
    observer: SearchObserver | None = None,
    prepare: Preparation | None = None,
) -> SearchSummary:
    """Goes on with a run where it stopped.

    Finished trials stay as they are; those that were under way begin again.

    Args:
        path: The run's folder.
        trials: A new number of trials, where more are wanted than the run was begun with.
        external: External resources that the run's record names, or their replacements: a moved data set, another
            cluster, `local` for a private Ray, `none` for no storage.
        observer: Observer of the progress.
        prepare: Function called before the first training of this session; None for none.

    Raises:
        UserError: If `path` is no run, its record names something that `external` does not, its storage cannot be
            reached, its data set has changed, or another process is searching in it.
    """
    info = trainable(path, external)
    return _go_on(path, info, {} if trials is None else {"trials": trials}, observer, prepare=prepare)


def train_more(
    path: Path,
    *,
    balanced: int = 0,
    widths: int = 0,
    settle: int = 0,
    swaps: Swaps | None = None,
    external: ExternalResources = NOTHING,
    observer: SearchObserver | None = None,
) -> SearchSummary:
    """Trains in a run what tells better where attention helps; what else is left of its search stays so.

    Args:
        path: The run's folder.
        balanced: Trainings in balance over the space's options, beyond those wanted so far; whole designs are trained,
            with both their seeds.
        widths: Trainings of the all-convolution network at other widths, beyond those wanted so far.
        settle: Trainings of networks whose place on the front is least certain, beyond those wanted so far.
        swaps: Networks to be compared with twins that have convolution in one stage.
        external: External resources, as for `resume`.
        observer: Observer of the progress.

    Raises:
        UserError: As `resume`; or if nothing can be trained or swapped in the run.
    """
    info = trainable(path, external)
    more = info.settings.more_balanced + REPLICATES * math.ceil(balanced / REPLICATES)
    settings = info.settings
    changes = {"more_balanced": more, "widths": settings.widths + widths, "settle": settings.settle + settle}
    return _go_on(path, info, changes, observer, searching=False, swaps=swaps)


def _go_on(
    path: Path,
    info: RunInfo,
    changes: dict[str, int],
    observer: SearchObserver | None,
    *,
    searching: bool = True,
    swaps: Swaps | None = None,
    prepare: Preparation | None = None,
) -> SearchSummary:
    folder = RunFolder(path)
    settings = info.settings.model_copy(update=changes)
    if settings.storage is not None:
        Storage(settings.storage).check(new=False)
    observer = observer or SearchObserver()
    plan = plan_search(validate_space(info.space, str(folder.info)), settings, observer)
    require_same_data(plan, info, path)
    _check_widths(plan)
    with _sole_searcher(folder):
        folder.trials.mkdir(exist_ok=True)
        if swaps is not None:
            with opened_study(folder, plan) as study:
                request_swaps(study, plan, swaps)
        write_text(folder.info, info.model_copy(update={"settings": settings}).model_dump_json(indent=2) + "\n")
        workers = _workers(settings, folder)
        return _carry_out(folder, plan, observer, workers, searching=searching, prepare=prepare)


def _check_widths(plan: SearchPlan) -> None:
    """Raise before anything is written if other widths are wanted of a network that has none."""
    if plan.settings.widths:
        widenings(plan)


@contextmanager
def _workers(settings: SearchSettings, folder: RunFolder) -> Iterator[int]:
    """Ray, which is imported only now: it reads its environment then, and takes seconds."""
    if settings.address is None:
        keep_private()
    else:
        require_shareable()
    from sasa_nas.searching.driver.cluster import ray_cluster

    with ray_cluster(settings, _command(folder)) as slots:
        yield slots


def _sole_searcher(folder: RunFolder) -> AbstractContextManager[None]:
    """Keep a second search out of a run."""
    return sole_writer(folder.path, folder.lock, _command(folder))


def _command(folder: RunFolder) -> str:
    """Return the command that goes on with a run."""
    return f"sasa-nas resume {folder.path}"


def _carry_out(
    folder: RunFolder,
    plan: SearchPlan,
    observer: SearchObserver,
    cluster: AbstractContextManager[int],
    *,
    searching: bool = True,
    prepare: Preparation | None = None,
) -> SearchSummary:
    """One session: proposes and trains until enough is trained, with `cluster` entered only if anything is left."""
    with opened_study(folder, plan) as study:
        proposer = Proposer(study, plan, observer, searching=searching)
        observer.search_started(folder, proposer.planned, study.records())
        if searching:
            observer.sampler_chosen(plan.sampler)
        # Ctrl-C in Tune's own loop makes `fit` return, anywhere else it arrives here
        with suppress(KeyboardInterrupt):
            if prepare is not None and not proposer.done:
                prepare(folder, plan)
            if not proposer.done and is_synthetic(plan.data.name):
                workers = plan.settings.workers or WORKERS
                simulate(proposer, by_formula(plan), workers=workers, observer=observer)
            elif not proposer.done:
                with cluster as slots:
                    from sasa_nas.searching.driver.tune_run import train_proposed

                    observer.workers_ready(slots)
                    train_proposed(proposer, plan, folder, observer, slots)
        records = study.records()
    TrialFiles(folder, plan.settings.storage).settle(records)
    if proposer.hopeless is not None:
        raise UserError(f"{proposer.hopeless}; what was trained is in {folder.path}")
    return SearchSummary(folder, records, interrupted=not proposer.done, exhausted=proposer.exhausted)
