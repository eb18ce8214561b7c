"""Retraining of networks of a run in full, with several seeds each, in the run's own folder."""

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sasa_nas.errors import UserError
from sasa_nas.files import make_directory, write_text
from sasa_nas.run import ExternalResources, Outcome, RunError, RunFolder, TrialRecord, read_info, read_trials
from sasa_nas.run.folder import RetrainingFolder
from sasa_nas.run.new_folder import Unwritable, sole_writer, unwritable
from sasa_nas.run.retraining_records import NAME, RetrainingInfo
from sasa_nas.training.full.ranks import launched_ranks
from sasa_nas.workflows.estimate import Estimate, epochs_done, estimate_training
from sasa_nas.workflows.full_share import UNDIVIDED, Share, connected_share
from sasa_nas.workflows.loading import within_memory
from sasa_nas.workflows.observer import RetrainingObserver, TrainingObserver
from sasa_nas.workflows.retraining_plan import RetrainingRequest, plan_retraining
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
        share: Division of the work, if the recipe is a full one.
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
    # before each network would fail for it
    with connected_share(share, plan.settings):
        pass
    failures: dict[int, str] = {}
    try:
        make_directory(place.path)
    except OSError as error:
        raise UserError(unwritable(place.path, error)) from error
    go_on = f"sasa-nas retrain {path} --name {name}"
    with sole_writer(place.path, place.lock, go_on):
        write_text(place.info, plan.model_dump_json(indent=2) + "\n")
        try:
            _estimate(place, plan, known, share, observer)
        except KeyboardInterrupt:
            return RetrainingSummary(place, name, interrupted=True, failures=failures)
        for index, design in enumerate(plan.designs, 1):
            try:
                follower = observer.network_started(design.trial, index, len(plan.designs))
                done = _train(place, plan, known[design.trial], share, follower)
            except KeyboardInterrupt:
                done = False
            except Unwritable as error:  # no network's fault, and the next one's folder lies there, too
                raise UserError(f"{error.reason}; once it can, go on with `{go_on}`") from error
            except RunError as error:
                failures[design.trial] = f"{error}; remove {place.network(design.trial).path} to train it anew"
                continue
            except UserError as error:
                failures[design.trial] = str(error)
                continue
            if not done:
                return RetrainingSummary(place, name, interrupted=True, failures=failures)
    return RetrainingSummary(place, name, interrupted=False, failures=failures)


def _estimate(
    place: RetrainingFolder,
    plan: RetrainingInfo,
    known: Mapping[int, TrialRecord],
    share: Share,
    observer: RetrainingObserver,
) -> None:
    """Time each network that is left for a moment, and tell the observer how long all of them will take."""
    settings, seconds, done = plan.settings, 0.0, 0
    folders = {design.trial: place.network(design.trial) for design in plan.designs}
    for trial, folder in folders.items():
        done += sum(epochs_done(folder, settings))
        if folder.result.exists():
            continue
        architecture = known[trial].full_size
        assert architecture is not None
        # a network that cannot be timed cannot be trained: it fails when its turn comes, in no time
        with suppress(UserError), within_memory(settings.recipe.batch_size):
            job = planned_job(architecture, settings, f"trial {trial}", share, TrainingObserver())
            seconds += estimate_training(job, folder, settings).seconds
    if not all(folder.result.exists() for folder in folders.values()):
        observer.estimated(Estimate(seconds, len(folders), len(settings.seeds), settings.recipe.epochs, done))


def _train(
    place: RetrainingFolder, plan: RetrainingInfo, record: TrialRecord, share: Share, observer: TrainingObserver
) -> bool:
    """Train one network to the end, resuming it if possible; return whether it is done."""
    folder = place.network(record.number)
    if folder.info.exists():
        external = ExternalResources.of_training(plan.settings)  # which this command has named
        return (
            resume_network(folder.path, external=external, share=share, observer=observer, estimating=False).result
            is not None
        )
    # what a session that was killed while it made the folder left
    shutil.rmtree(folder.path, ignore_errors=True)
    assert record.full_size is not None
    summary = train_network(
        record.full_size,
        plan.settings,
        name=f"trial {record.number}",
        out=folder.path,
        share=share,
        observer=observer,
        command=plan.command,
        estimating=False,
    )
    return summary.result is not None
