"""Lets Ray Tune train what a proposer proposes."""

import shutil
from typing import Any

from ray import tune
from ray.exceptions import OutOfMemoryError, RayError
from ray.tune.error import TuneError

from sasa_nas.errors import UserError, one_line
from sasa_nas.run import RunFolder, SearchSettings
from sasa_nas.searching.driver.searcher import StudySearcher
from sasa_nas.searching.driver.tune_components import RESTARTS, HalvingScheduler, StopAll, TrialTrainable, Watch
from sasa_nas.searching.observer import SearchObserver
from sasa_nas.searching.plan import SearchPlan
from sasa_nas.searching.propose.proposer import Proposer


def train_proposed(
    proposer: Proposer, plan: SearchPlan, folder: RunFolder, observer: SearchObserver, slots: int
) -> None:
    """Train what a proposer proposes until it is done, or Ctrl-C ends it; Ray runs.

    Args:
        proposer: Proposer of the designs, which learns their results.
        plan: Plan of the search.
        folder: Folder of the run.
        observer: Observer of the search.
        slots: Trials at a time.

    Raises:
        UserError: If the search cannot go on.
    """
    while _experiment(StudySearcher(proposer, plan, folder, observer), folder, plan.settings, slots):
        pass


def _experiment(searcher: StudySearcher, folder: RunFolder, settings: SearchSettings, slots: int) -> bool:
    """Carry out one Tune experiment; return whether trials are left that want another one."""
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
    """End when the searcher has no more to propose or fails, or with Ctrl-C."""
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
