"""A session of a search: makes or opens a run's folder, starts Ray, lets Tune carry out what the study proposes."""

import math
import shutil
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from sasa_nas.engine.balanced import REPLICATES
from sasa_nas.engine.new_run import check_folder, make_folder
from sasa_nas.engine.observer import SearchObserver, SearchSummary, SilentObserver
from sasa_nas.engine.plan import SearchPlan, plan_search
from sasa_nas.engine.proposer import Proposer
from sasa_nas.engine.quiet import hush
from sasa_nas.engine.simulation import WORKERS, by_formula, simulate
from sasa_nas.engine.storage import Storage
from sasa_nas.engine.study import opened_study
from sasa_nas.engine.swaps import Swaps, request_swaps
from sasa_nas.engine.trial_files import TrialFiles
from sasa_nas.errors import UserError, one_line
from sasa_nas.files import write_text
from sasa_nas.run import RunFolder, RunInfo, SearchSettings, read_info
from sasa_nas.run.new_folder import default_folder, sole_writer
from sasa_nas.run.operators import require_operators
from sasa_nas.space import SearchSpace
from sasa_nas.space.files import validate_space
from sasa_nas.synthetic import is_synthetic
from sasa_nas.train.device import describe_device, pick_device

hush()

from ray import tune  # noqa: E402  Ray reads its environment at import
from ray.exceptions import OutOfMemoryError, RayError  # noqa: E402
from ray.tune.error import TuneError  # noqa: E402

from sasa_nas.engine.cluster import ray_cluster, trials_at_a_time  # noqa: E402
from sasa_nas.engine.packing import pack  # noqa: E402
from sasa_nas.engine.searcher import StudySearcher  # noqa: E402
from sasa_nas.engine.tune import RESTARTS, HalvingScheduler, StopAll, TrialTrainable, Watch  # noqa: E402


def search(
    space: SearchSpace,
    settings: SearchSettings | None = None,
    *,
    out: Path | None = None,
    observer: SearchObserver | None = None,
    command: str = "",
) -> SearchSummary:
    """Searches `space` and keeps everything in a new run folder.

    Args:
        space: What is searched; its proxy says how designs are judged.
        settings: How many trials, with which seed, on what.
        out: The run's folder, which must not exist or be empty; `runs/<space>-<time>` where it is left out.
        observer: Told of everything that happens.
        command: The command line that asked for this, for the record.

    Returns:
        The run's folder and its trials.

    Raises:
        UserError: If the search cannot be carried out as asked; then nothing was written.
    """
    settings = settings or SearchSettings()
    folder = RunFolder(out or default_folder(space.name))
    check_folder(folder)
    observer = observer or SilentObserver()
    plan = plan_search(space, settings, observer)
    if settings.storage is not None:
        Storage(settings.storage).check(new=True)
    if is_synthetic(plan.data.name):
        with _sole_searcher(folder):
            make_folder(folder, plan, command, device="none: answered by a formula")
            return _carry_out(folder, plan, observer, nullcontext(0))
    # Ray before the folder: a cluster that does not answer leaves nothing behind
    with ray_cluster(settings, _command(folder)):
        plan, packing = pack(plan, observer)
        slots = trials_at_a_time(plan.settings)
        with _sole_searcher(folder):
            make_folder(folder, plan, command, device=describe_device(pick_device("auto")), packing=packing)
            return _carry_out(folder, plan, observer, nullcontext(slots))


def resume(
    path: Path, *, trials: int | None = None, address: str | None = None, observer: SearchObserver | None = None
) -> SearchSummary:
    """Goes on with a run where it stopped.

    Finished trials stay as they are; those that were under way begin again.

    Args:
        path: The run's folder.
        trials: A new number of trials, where more are wanted than the run was begun with.
        address: A Ray cluster, where another one is to be joined than before.
        observer: Told of everything that happens.

    Raises:
        UserError: If `path` is no run, its storage cannot be reached, or another process is searching in it.
    """
    info = _trainable(path)
    wishes = {"trials": trials, "address": address}
    settings = info.settings.model_copy(update={name: wish for name, wish in wishes.items() if wish is not None})
    return _go_on(path, info, settings, observer)


def train_more(
    path: Path, *, balanced: int = 0, swaps: Swaps | None = None, observer: SearchObserver | None = None
) -> SearchSummary:
    """Trains in a run what tells better where attention helps; what else is left of its search stays so.

    Args:
        path: The run's folder.
        balanced: Trainings in balance over the space's options, beyond those wanted so far; whole designs are trained,
            with both their seeds.
        swaps: Networks to be compared with twins that have convolution in one stage.
        observer: Told of everything that happens.

    Raises:
        UserError: If `path` is no run, its storage cannot be reached, nothing can be trained or swapped in it, or
            another process is searching in it.
    """
    info = _trainable(path)
    more = info.settings.more_balanced + REPLICATES * math.ceil(balanced / REPLICATES)
    settings = info.settings.model_copy(update={"more_balanced": more})
    return _go_on(path, info, settings, observer, searching=False, swaps=swaps)


def _trainable(path: Path) -> RunInfo:
    """What a run was asked to do, if networks can be trained in it.

    Raises:
        UserError: If it is no run, was replayed, or its operators are not loaded as they were.
    """
    info = read_info(RunFolder(path))
    require_operators(info.operators, path)
    if info.table is not None:
        raise UserError(
            f"{path} replayed {info.table} and trained nothing; replay it again, with other --trials or --balanced"
        )
    return info


def _go_on(
    path: Path,
    info: RunInfo,
    settings: SearchSettings,
    observer: SearchObserver | None,
    *,
    searching: bool = True,
    swaps: Swaps | None = None,
) -> SearchSummary:
    folder = RunFolder(path)
    if settings.storage is not None:
        Storage(settings.storage).check(new=False)
    observer = observer or SilentObserver()
    plan = plan_search(validate_space(info.space, str(folder.info)), settings, observer)
    with _sole_searcher(folder):
        folder.trials.mkdir(exist_ok=True)
        if swaps is not None:
            with opened_study(folder, settings) as study:
                request_swaps(study, plan, swaps)
        if settings != info.settings:
            write_text(folder.info, info.model_copy(update={"settings": settings}).model_dump_json(indent=2) + "\n")
        return _carry_out(folder, plan, observer, ray_cluster(settings, _command(folder)), searching=searching)


def _sole_searcher(folder: RunFolder) -> AbstractContextManager[None]:
    """Keeps a second search out of a run."""
    return sole_writer(folder.path, folder.lock, _command(folder))


def _command(folder: RunFolder) -> str:
    """The command that goes on with a run."""
    return f"sasa-nas resume {folder.path}"


def _carry_out(
    folder: RunFolder,
    plan: SearchPlan,
    observer: SearchObserver,
    cluster: AbstractContextManager[int],
    *,
    searching: bool = True,
) -> SearchSummary:
    """One session: proposes and trains until enough is trained, with `cluster` entered only if anything is left."""
    with opened_study(folder, plan.settings) as study:
        proposer = Proposer(study, plan, observer, searching=searching)
        observer.search_started(folder, proposer.planned, study.records())
        # Ctrl-C in Tune's own loop makes `fit` return, anywhere else it arrives here
        with suppress(KeyboardInterrupt):
            if not proposer.done and is_synthetic(plan.data.name):
                workers = plan.settings.workers or WORKERS
                simulate(proposer, by_formula(plan), workers=workers, observer=observer)
            elif not proposer.done:
                with cluster as slots:
                    observer.workers_ready(slots)
                    while _experiment(StudySearcher(proposer, plan, folder, observer), folder, plan.settings, slots):
                        pass
        records = study.records()
    TrialFiles(folder, plan.settings.storage).settle(records)
    if proposer.hopeless is not None:
        raise UserError(f"{proposer.hopeless}; what was trained is in {folder.path}")
    return SearchSummary(folder, records, interrupted=not proposer.done, exhausted=proposer.exhausted)


def _experiment(searcher: StudySearcher, folder: RunFolder, settings: SearchSettings, slots: int) -> bool:
    """One Tune experiment; whether trials are left that want another one."""
    watch = Watch(searcher, settings.trial_timeout)
    try:
        _fit(searcher, watch, folder, settings, slots)
    except (RayError, TuneError, RuntimeError) as error:
        # Tune lets Ray's word on a worker that it killed for its memory end the whole experiment
        if isinstance(error.__cause__, OutOfMemoryError):
            searcher.out_of_memory(watch.killed(str(error.__cause__)))
        elif isinstance(error.__cause__ or error, RayError | TuneError):
            raise UserError(
                f"the search broke off: {one_line(error)[:200]}; nothing finished is lost, "
                f"go on with `sasa-nas resume {folder.path}`"
            ) from error
        else:
            raise
    if searcher.failure is not None:
        raise searcher.failure
    return searcher.wants_more


def _fit(searcher: StudySearcher, watch: Watch, folder: RunFolder, settings: SearchSettings, slots: int) -> None:
    """Ends when the searcher has no more to propose or fails, or with Ctrl-C."""
    shutil.rmtree(folder.tune, ignore_errors=True)
    resources = {"cpu": settings.cpus_per_trial, "gpu": settings.gpus_per_trial}
    try:
        tune.Tuner(
            tune.with_resources(TrialTrainable, resources),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=HalvingScheduler(searcher),
                num_samples=-1,
                max_concurrent_trials=slots,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="session",
                storage_path=str(folder.tune.resolve()),
                verbose=0,
                progress_reporter=_NoProgress(),
                callbacks=[watch],
                stop=StopAll(searcher),
                failure_config=tune.FailureConfig(max_failures=RESTARTS),
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            ),
        ).fit()
    finally:
        shutil.rmtree(folder.tune, ignore_errors=True)


class _NoProgress(tune.ProgressReporter):  # type: ignore[misc]
    """Tune's own tables are not wanted."""

    def should_report(self, trials: list[Any], done: bool = False) -> bool:
        """Never."""
        return False

    def report(self, trials: list[Any], done: bool, *sys_info: Any) -> None:
        """Nothing."""
