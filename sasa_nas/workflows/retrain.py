"""Retraining of networks of a run in full, with several seeds each, in the run's own folder."""

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sasa_nas.errors import UserError
from sasa_nas.files import make_directory, write_text
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import ExternalResources, Outcome, RunFolder, TrainingSettings, TrialRecord, read_info, read_trials
from sasa_nas.run.folder import RetrainingFolder
from sasa_nas.run.new_folder import Unwritable, sole_writer, unwritable
from sasa_nas.run.retraining_records import NAME
from sasa_nas.space import Architecture
from sasa_nas.training.full.ranks import launched_ranks
from sasa_nas.workflows.estimate import Estimate, epochs_done, estimate_training
from sasa_nas.workflows.full_share import UNDIVIDED, Share, connected_share
from sasa_nas.workflows.loading import within_memory
from sasa_nas.workflows.observer import RetrainingObserver, TrainingObserver
from sasa_nas.workflows.retraining_division import Division, first_division
from sasa_nas.workflows.retraining_plan import RetrainingRequest, plan_retraining
from sasa_nas.workflows.retraining_schedule import Retraining, failure_of, retrain_at_once
from sasa_nas.workflows.slots import gpus_for, slots_of
from sasa_nas.workflows.train import resume_network, train_network
from sasa_nas.workflows.training_jobs import planned_job


@dataclass(frozen=True)
class RetrainingSummary:
    """Summary of a retraining, or of one session of it.

    Attributes:
        folder: Folder of the retraining.
        name: Name of the retraining.
        interrupted: Whether Ctrl-C ended it.
        failures: Error messages by the number of the failed network's trial; the others were trained.
    """

    folder: RetrainingFolder
    name: str
    interrupted: bool
    failures: Mapping[int, str]


def retrain_run(
    path: Path,
    proposed: Sequence[int],
    request: RetrainingRequest,
    *,
    share: Share = UNDIVIDED,
    at_once: int | None = 1,
    grouping: bool = False,
    observer: RetrainingObserver | None = None,
    command: str = "",
) -> RetrainingSummary:
    """Train networks of a run in full, and keep everything in `RUN/retrain/<name>`.

    A retraining that was begun before is resumed: new trials are added to it, finished trainings stay. Each network's
    test part is read once, when all its seeds are trained.

    Args:
        path: The run's folder.
        proposed: Trials to train if the request names none.
        request: Settings of the retraining.
        share: Division of the work of each training, if the recipe is a full one.
        at_once: Number of trainings at a time, of networks and of their seeds, each in a process of its own; None for
            as many as this machine has GPUs for, or one without a GPU.
        grouping: Whether each training is given as many GPUs as let all of them end first, in the place of the
            processes of `share`.
        observer: Observer of the progress.
        command: The command line, for the record.

    Raises:
        UserError: If there is nothing that can be trained as asked, and then nothing was written; or if a launcher has
            started this process beside others, another process is training there, or the folder cannot be written.
    """
    if launched_ranks().size > 1:
        raise UserError("a retraining starts its processes itself, for each network; run it once, with --gpus N")
    folder = RunFolder(path)
    info, records = read_info(folder), read_trials(folder)
    name = request.name or request.size or "target"
    if not re.fullmatch(NAME, name):
        raise UserError(f"--name {name!r}: a retraining's name is of letters, digits, _, . and -")
    place = folder.retraining(name)
    known = {
        record.number: record
        for record in records
        if record.outcome is Outcome.TRAINED and record.full_size and not record.arm.outside
    }
    observer = observer or RetrainingObserver()
    plan = plan_retraining(folder, place, info, known, proposed, request, command, observer.decoding)
    division, gpus = _divided(plan.settings, share, at_once, grouping)
    # before each network would fail for it
    with connected_share(share, plan.settings):
        pass
    try:
        make_directory(place.path)
    except OSError as error:
        raise UserError(unwritable(place.path, error)) from error
    go_on = f"sasa-nas retrain {path} --name {name}"
    with sole_writer(place.path, place.lock, go_on):
        write_text(place.info, plan.model_dump_json(indent=2) + "\n")
        networks = {design.trial: _full_size(known[design.trial]) for design in plan.designs}
        retraining = Retraining(place, plan.settings, networks, plan.command, go_on, gpus, share.workers)
        if division.at_once == 1:
            interrupted, failures = _one_by_one(retraining, replace(share, processes=division.processes), observer)
        else:
            chosen = grouping and at_once is None
            interrupted, failures = retrain_at_once(retraining, division, observer, grouping=chosen)
    return RetrainingSummary(place, name, interrupted, failures)


def _divided(
    settings: TrainingSettings, share: Share, at_once: int | None, grouping: bool
) -> tuple[Division, tuple[str, ...]]:
    """Return how trainings begin to be divided, before any is timed, and the GPUs to divide; see `retrain_run`.

    Raises:
        UserError: If a cluster is to train several at once, or there are fewer GPUs than are asked for.
    """
    gpus = gpus_for(settings.device)
    if share.address is not None:
        if at_once is not None and at_once > 1:
            raise UserError("networks are trained at once on this machine alone; leave out --at-once or --address")
        return Division(share.processes, 1), ()
    chosen = grouping and isinstance(settings.recipe, FullRecipe)
    division = first_division(len(gpus), None if chosen else share.processes, at_once)
    if division.at_once > 1:
        # which refuses too many
        slots_of(division.at_once, division.processes, gpus)
    return division, gpus


def _full_size(record: TrialRecord) -> Architecture:
    assert record.full_size is not None
    return record.full_size


def _one_by_one(retraining: Retraining, share: Share, observer: RetrainingObserver) -> tuple[bool, dict[int, str]]:
    """Train one network after the other in this process; return whether Ctrl-C ended it, and errors by trial.

    Raises:
        UserError: If a folder cannot be written.
    """
    failures: dict[int, str] = {}
    networks = retraining.networks
    try:
        _estimate(retraining, share, observer)
        for index, trial in enumerate(networks, 1):
            try:
                follower = observer.network_started(trial, index, len(networks))
                if not _train(retraining, trial, share, follower):
                    return True, failures
            except Unwritable as error:  # no network's fault, and the next one's folder lies there, too
                raise UserError(f"{error.reason}; once it can, go on with `{retraining.go_on}`") from error
            except UserError as error:
                failures[trial] = failure_of(error, retraining.folder(trial))
    except KeyboardInterrupt:
        return True, failures
    return False, failures


def _estimate(retraining: Retraining, share: Share, observer: RetrainingObserver) -> None:
    """Time each network that is left for a moment, and tell the observer how long all of them will take."""
    settings, seconds, done = retraining.settings, 0.0, 0
    folders = [retraining.folder(trial) for trial in retraining.networks]
    for (trial, architecture), folder in zip(retraining.networks.items(), folders, strict=True):
        done += sum(epochs_done(folder, settings))
        if folder.result.exists():
            continue
        # a network that cannot be timed cannot be trained: it fails when its turn comes, in no time
        with suppress(UserError), within_memory(settings.recipe.batch_size):
            job = planned_job(architecture, settings, f"trial {trial}", share, TrainingObserver())
            seconds += estimate_training(job, folder, settings).seconds
    if not all(folder.result.exists() for folder in folders):
        observer.estimated(Estimate(seconds, len(folders), len(settings.seeds), settings.recipe.epochs, done))


def _train(retraining: Retraining, trial: int, share: Share, observer: TrainingObserver) -> bool:
    """Train one network to the end, resuming it if possible; return whether it is done."""
    folder, settings = retraining.folder(trial), retraining.settings
    if folder.info.exists():
        external = ExternalResources.of_training(settings)  # which this command has named
        return (
            resume_network(folder.path, external=external, share=share, observer=observer, estimating=False).result
            is not None
        )
    # what a session that was killed while it made the folder left
    shutil.rmtree(folder.path, ignore_errors=True)
    summary = train_network(
        retraining.networks[trial],
        settings,
        name=f"trial {trial}",
        out=folder.path,
        share=share,
        observer=observer,
        command=retraining.command,
        estimating=False,
    )
    return summary.result is not None
