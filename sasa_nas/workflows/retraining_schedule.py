"""Retraining of several networks and seeds at once, by processes of this machine that share its cores and GPUs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from sasa_nas.errors import UserError
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import RunError, TrainingFolder, TrainingSettings, read_training
from sasa_nas.run.folder import RetrainingFolder
from sasa_nas.run.new_folder import Unwritable
from sasa_nas.space import Architecture
from sasa_nas.workflows.estimate import Estimate, epochs_done
from sasa_nas.workflows.observer import RetrainingObserver, TrainingObserver
from sasa_nas.workflows.retraining_division import Division, fastest_division, makespan
from sasa_nas.workflows.retraining_parts import Action, PartArgument, RetrainingPart, carry_out, deliver, part_argument
from sasa_nas.workflows.seed_session import is_trained
from sasa_nas.workflows.slots import run_in_slots, slots_of
from sasa_nas.workflows.train import begin_network
from sasa_nas.workflows.training_session import locked


@dataclass(frozen=True)
class Retraining:
    """Networks to retrain, and the part of a machine that they may use.

    Attributes:
        place: Folder of the retraining, which no other process writes.
        settings: Settings of every training.
        networks: The networks at full size by the numbers of their trials, in the order of the report.
        command: The command line, for the record.
        go_on: Command that goes on with the retraining, for errors.
        gpus: GPUs to divide; empty on a CPU.
        workers: Processes that read images, for each that trains; None for the cores that are left.
    """

    place: RetrainingFolder
    settings: TrainingSettings
    networks: Mapping[int, Architecture]
    command: str
    go_on: str
    gpus: tuple[str, ...]
    workers: int | None

    def folder(self, trial: int) -> TrainingFolder:
        """Return the folder of the training of a trial's network."""
        return self.place.network(trial)

    def seeds_left(self, trial: int) -> list[int]:
        """Return the seeds of a network that are not trained."""
        folder = self.folder(trial)
        return [seed for seed in self.settings.seeds if not is_trained(folder.seed(seed))]

    def argument(self, part: RetrainingPart) -> PartArgument:
        """Return the argument with which another process carries out a part."""
        return part_argument(part, self.networks[part.trial], self.settings, self.folder(part.trial), self.workers)


def retrain_at_once(
    retraining: Retraining, division: Division, observer: RetrainingObserver, *, grouping: bool
) -> tuple[bool, dict[int, str]]:
    """Train networks and seeds at once; return whether Ctrl-C ended it, and errors by the numbers of trials.

    Args:
        retraining: The networks.
        division: Number of trainings at a time, and of the processes of each.
        observer: Observer of the progress.
        grouping: Whether the number of processes, and of trainings at a time, is chosen by what is faster.

    Raises:
        UserError: If a folder cannot be written.
    """
    left = [trial for trial in retraining.networks if not retraining.folder(trial).result.exists()]
    failures: dict[int, str] = {}
    if not left:
        return False, failures
    try:
        division, lengths = _timed(retraining, division, left, grouping=grouping)
        observer.estimated(_estimate(retraining, division))
        with ExitStack() as locks:
            trainings = _Trainings(retraining, division.processes, lengths, observer, failures)
            for trial in left:
                trainings.add(trial, locks)
            run_in_slots(carry_out, slots_of(division.at_once, division.processes, retraining.gpus), trainings)
    except KeyboardInterrupt:
        return True, failures
    return False, failures


def _estimate(retraining: Retraining, division: Division) -> Estimate:
    settings, networks = retraining.settings, retraining.networks
    done = sum(sum(epochs_done(retraining.folder(trial), settings)) for trial in networks)
    counts = (len(networks), len(settings.seeds), settings.recipe.epochs)
    return Estimate(division.seconds, *counts, done, division.at_once, division.processes)


def _timed(
    retraining: Retraining, division: Division, left: Sequence[int], *, grouping: bool
) -> tuple[Division, dict[tuple[int, int], float]]:
    """Time the networks that are left; return the division with the time until all end, and each training's seconds."""
    timings = _Timings(retraining, left, division.processes)
    run_in_slots(carry_out, slots_of(division.at_once, division.processes, retraining.gpus), timings)
    lengths = dict(_lengths(retraining, timings.seconds))
    if grouping and isinstance(retraining.settings.recipe, FullRecipe) and lengths:
        return _grouped(retraining, timings.seconds, list(lengths.values())), lengths
    return replace(division, seconds=makespan(list(lengths.values()), division.at_once)), lengths


def _lengths(retraining: Retraining, seconds: Mapping[int, float]) -> list[tuple[tuple[int, int], float]]:
    """Return the seconds of each training that is left, of the networks that could be timed, by trial and seed."""
    return [
        ((trial, seed), whole / len(seeds))
        for trial, whole in seconds.items()
        for seeds in [retraining.seeds_left(trial)]
        for seed in seeds
    ]


def _grouped(retraining: Retraining, seconds: Mapping[int, float], lengths: Sequence[float]) -> Division:
    """Return the division of the GPUs by which the trainings end first, timing the costliest network in groups."""
    costliest = max(seconds, key=lambda trial: seconds[trial])

    def faster(processes: int) -> float | None:
        timings = _Timings(retraining, [costliest], processes)
        run_in_slots(carry_out, slots_of(1, processes, retraining.gpus), timings)
        found = timings.seconds.get(costliest)
        return seconds[costliest] / found if found else None

    return fastest_division(len(retraining.gpus), lengths, faster)


class _Timings:
    """The `Schedule` of timings of networks; a network that cannot be timed fails when its turn comes.

    Attributes:
        seconds: Seconds until the result of each, by its trial.
    """

    def __init__(self, retraining: Retraining, trials: Sequence[int], processes: int) -> None:
        self._retraining = retraining
        self._waiting = [RetrainingPart(trial, Action.TIMING, processes) for trial in trials]
        self.seconds: dict[int, float] = {}

    def take(self) -> tuple[RetrainingPart, PartArgument] | None:
        """Return the next network's timing."""
        if not self._waiting:
            return None
        part = self._waiting.pop(0)
        return part, self._retraining.argument(part)

    def received(self, part: RetrainingPart, message: Any) -> None:
        """Keep the seconds."""
        event, content = message
        if event == "timed":
            self.seconds[part.trial] = content

    def ended(self, part: RetrainingPart, failure: str | None) -> None:
        """Do nothing."""


@dataclass
class _Network:
    """A network under way: its index among all, the seeds that are not trained, and observers of those that are."""

    index: int
    left: set[int]
    followers: dict[int | None, TrainingObserver] = field(default_factory=dict)


class _Trainings:
    """The `Schedule` of trainings, the longest first; a network is measured as soon as its seeds are trained.

    Args:
        retraining: The networks.
        processes: Processes of each training.
        lengths: Estimated seconds of each training, by trial and seed, as far as they are known.
        observer: Observer of the progress.
        failures: Receiver of error messages, by the number of the failed network's trial.
    """

    def __init__(
        self,
        retraining: Retraining,
        processes: int,
        lengths: Mapping[tuple[int, int], float],
        observer: RetrainingObserver,
        failures: dict[int, str],
    ) -> None:
        self._retraining, self._processes = retraining, processes
        self._lengths, self._observer, self._failures = lengths, observer, failures
        self._networks: dict[int, _Network] = {}
        self._waiting: list[RetrainingPart] = []
        self._order = {trial: index for index, trial in enumerate(retraining.networks, 1)}

    def add(self, trial: int, locks: ExitStack) -> None:
        """Add the parts of a network that are left, and make its folder.

        Args:
            trial: Number of the network's trial.
            locks: Stack that will hold the folder's lock.

        Raises:
            UserError: If a folder cannot be written, which is no network's fault.
        """
        retraining = self._retraining
        folder = retraining.folder(trial)
        try:
            if not folder.info.exists():
                name, settings = f"trial {trial}", retraining.settings
                begin_network(retraining.networks[trial], settings, name, folder.path, retraining.command)
            locks.enter_context(locked(folder, read_training(folder)))
        except Unwritable as error:
            raise UserError(f"{error.reason}; once it can, go on with `{retraining.go_on}`") from error
        except UserError as error:
            self._fail(trial, error)
            return
        seeds = retraining.seeds_left(trial)
        self._networks[trial] = _Network(self._order[trial], set(seeds))
        self._waiting += list(self._parts(trial, seeds))
        self._waiting.sort(key=self._place)

    def _parts(self, trial: int, seeds: Sequence[int]) -> Iterator[RetrainingPart]:
        for seed in seeds:
            yield RetrainingPart(trial, Action.SEED, self._processes, seed)
        if not seeds:
            yield RetrainingPart(trial, Action.RESULT)

    def _place(self, part: RetrainingPart) -> float:
        """Return the place of a part: results first, then trainings from the longest to the shortest."""
        if part.seed is None:
            return float("-inf")
        return -self._lengths.get((part.trial, part.seed), 0.0)

    def take(self) -> tuple[RetrainingPart, PartArgument] | None:
        """Return the next part, and report it."""
        if not self._waiting:
            return None
        part = self._waiting.pop(0)
        network = self._networks[part.trial]
        follower = self._observer.part_started(part.trial, part.seed, network.index, len(self._order))
        network.followers[part.seed] = follower
        return part, self._retraining.argument(part)

    def received(self, part: RetrainingPart, message: Any) -> None:
        """Pass an event on to the observer, or take note that the part has failed.

        Raises:
            UserError: If a folder cannot be written, which is no network's fault.
        """
        event, content = message
        match event:
            case "unwritable":
                raise UserError(f"{content}; once it can, go on with `{self._retraining.go_on}`")
            case "damaged":
                self._fail(part.trial, RunError(content))
            case "refused":
                self._fail(part.trial, UserError(content))
            case _:
                deliver(event, content, self._networks[part.trial].followers[part.seed])

    def ended(self, part: RetrainingPart, failure: str | None) -> None:
        """Add what can now begin."""
        network = self._networks[part.trial]
        follower = network.followers.pop(part.seed)
        if failure is not None:
            reason = f"the process of {'its result' if part.seed is None else f'seed {part.seed}'} {failure}"
            follower.training_failed(reason)
            self._fail(part.trial, UserError(reason))
        self._observer.part_ended(part.trial, part.seed)
        if part.seed is not None:
            network.left.discard(part.seed)
            if not network.left and part.trial not in self._failures:
                self._waiting.insert(0, RetrainingPart(part.trial, Action.RESULT))

    def _fail(self, trial: int, error: UserError) -> None:
        """Keep the first error of a network, of which nothing more is begun."""
        self._failures.setdefault(trial, failure_of(error, self._retraining.folder(trial)))
        self._waiting = [part for part in self._waiting if part.trial != trial]


def failure_of(error: UserError, folder: TrainingFolder) -> str:
    """Return why a network of a retraining was not trained, with what to do.

    Args:
        error: The error.
        folder: Folder of its training.
    """
    return f"{error}; remove {folder.path} to train it anew" if isinstance(error, RunError) else str(error)
