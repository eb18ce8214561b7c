"""Observers that translate the events of searches and trainings to tracked runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sasa_nas.nodes.reference import resolve
from sasa_nas.run import Outcome, RunFolder, TrialRecord, read_info
from sasa_nas.searching.observer import EpochReport as TrialEpoch
from sasa_nas.searching.observer import SearchObserver
from sasa_nas.space import Architecture, NetworkDescription
from sasa_nas.space.files import load_network
from sasa_nas.tasks import TASKS
from sasa_nas.tracking.points import finite_numbers
from sasa_nas.tracking.tracker import Parameter, RunDescription, Status
from sasa_nas.workflows.observer import RetrainingObserver, TrainingObserver

if TYPE_CHECKING:
    from sasa_nas.run import TrainingFolder
    from sasa_nas.run.training_records import ResultRecord, TrainingRecord
    from sasa_nas.training.loop import EpochReport

STATUSES = {Outcome.TRAINED: Status.FINISHED, Outcome.STOPPED: Status.STOPPED, Outcome.INFEASIBLE: Status.STOPPED}
"""Statuses of trials that have ended; the others have failed."""

RESULTS = ("accuracy", "robust_accuracy", "flops", "params", "memory", "latency", "epochs", "seconds")
"""Fields of a trial's record that are its results."""


class Runs(Protocol):
    """Receiver of tracked runs, a `Tracking`."""

    def start(self, root: Path, run: RunDescription) -> None:
        """Begin a run of the search or training in `root`, or go on with it."""

    def advance(self, root: Path, key: str, step: int, metrics: Mapping[str, float], file: Path) -> None:
        """Log the epochs of a run that the trackers do not have."""

    def end(
        self,
        root: Path,
        run: RunDescription,
        status: Status,
        file: Path,
        results: Mapping[str, float],
        notes: Mapping[str, str],
    ) -> None:
        """End a run, which is begun if need be; one that has ended so before stays as it is."""


class SearchTracker(SearchObserver):
    """Observer of a search, of which each trained trial is a tracked run.

    Args:
        runs: Receiver of the runs.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._common: dict[str, Parameter] = {}
        self._begun: dict[int, RunDescription] = {}

    def search_started(self, folder: RunFolder, trials: int, earlier: list[TrialRecord]) -> None:
        """Track what ended in earlier sessions without these trackers, or before they had all of it."""
        self._folder = folder
        info = read_info(folder)
        self._common = {"space": info.space_name, "dataset": info.dataset}
        for record in earlier:
            if record.outcome.spent:
                self._end(record, self._described(record))

    def trial_started(self, record: TrialRecord) -> None:
        """Begin a run, or go on with it."""
        run = self._begun[record.number] = self._described(record)
        self._runs.start(self._folder.path, run)

    def epoch_ended(self, report: TrialEpoch) -> None:
        """Log an epoch; the report itself is all there is without a metrics.jsonl on this machine."""
        run = self._begun.get(report.number)
        if run is not None:
            metrics = finite_numbers({"accuracy": report.accuracy, "train_loss": report.train_loss})
            file = self._folder.trial(report.number).metrics
            self._runs.advance(self._folder.path, run.key, report.epoch, metrics, file)

    def trial_ended(self, record: TrialRecord) -> None:
        """End the run of a trial that was begun; designs that are turned down before have none."""
        run = self._begun.pop(record.number, None)
        if run is not None:
            self._end(record, run)

    def _described(self, record: TrialRecord) -> RunDescription:
        facts = {"trial": record.number, "architecture": record.architecture_id, "arm": record.arm.value}
        counts = {name: getattr(record, name) for name in ("seed", "flops", "params", "width_multiplier")}
        parameters = {**self._common, **flat({**facts, **counts}), **flat(record.choices)}
        return RunDescription(f"trial-{record.number:04d}", f"trial {record.number}", "search", parameters)

    def _end(self, record: TrialRecord, run: RunDescription) -> None:
        results = finite_numbers({name: getattr(record, name) for name in RESULTS})
        scores = finite_numbers({f"scores/{name}": value for name, value in record.scores.items()})
        notes = {"outcome": record.outcome.value} | ({"reason": record.reason} if record.reason else {})
        status = STATUSES.get(record.outcome, Status.FAILED)
        file = self._folder.trial(record.number).metrics
        self._runs.end(self._folder.path, run, status, file, {**results, **scores}, notes)


class TrainingTracker(TrainingObserver):
    """Observer of a training, of which each seed is a tracked run.

    Args:
        runs: Receiver of the runs.
        trial: Number of the trial whose network is trained again, with the others of its retraining in one place; None
            for a training of its own.
    """

    def __init__(self, runs: Runs, trial: int | None = None) -> None:
        self._runs = runs
        self._trial = trial
        self._seed: int | None = None

    def training_started(self, folder: TrainingFolder, info: TrainingRecord) -> None:
        """Take note of the network and the settings."""
        self._folder = folder
        self._root = folder.path if self._trial is None else folder.path.parent
        settings = info.settings.model_dump(mode="json", exclude={"seeds", "data_dir"})
        network = load_network(folder.architecture)
        counts = resolve(TASKS[info.task].count)(network).total
        facts = {"network": info.name, "architecture": info.architecture_id}
        costs = {"flops": counts.flops(), "params": counts.params}
        self._common = flat({"trial": self._trial, **facts, **costs, **settings, **_kinds(network)})

    def seed_started(self, seed: int, epochs: int) -> None:
        """Begin a run, or go on with it."""
        self._seed = seed
        self._runs.start(self._root, self._described(seed))

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        """Log an epoch, of which the folder has all metrics."""
        losses = finite_numbers({"train_loss": metrics.train_loss})
        self._runs.advance(
            self._root, self._described(seed).key, metrics.epoch, losses, self._folder.seed(seed).metrics
        )

    def training_ended(self, result: ResultRecord) -> None:
        """End the runs of all seeds with their results."""
        for row in result.model_dump(mode="json")["seeds"]:
            results = {name: value for name, value in flat(row).items() if name != "seed"}
            self._end(row["seed"], Status.FINISHED, finite_numbers(results), {})

    def training_failed(self, reason: str) -> None:
        """End the run of the seed that failed."""
        if self._seed is not None:
            self._end(self._seed, Status.FAILED, {}, {"reason": reason})

    def _described(self, seed: int) -> RunDescription:
        parameters = {**self._common, "seed": seed}
        if self._trial is None:
            return RunDescription(f"seed-{seed}", f"seed {seed}", "train", parameters)
        key, name = f"trial-{self._trial:04d}-seed-{seed}", f"trial {self._trial}, seed {seed}"
        return RunDescription(key, name, "retrain", parameters)

    def _end(self, seed: int, status: Status, results: Mapping[str, float], notes: Mapping[str, str]) -> None:
        file = self._folder.seed(seed).metrics
        self._runs.end(self._root, self._described(seed), status, file, results, notes)


class RetrainingTracker(RetrainingObserver):
    """Observer of a retraining, of which each seed of each network is a tracked run.

    Args:
        runs: Receiver of the runs.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def network_started(self, trial: int, index: int, total: int) -> TrainingObserver:
        """Return an observer of the network's training."""
        return TrainingTracker(self._runs, trial)


def _kinds(network: NetworkDescription) -> dict[str, str]:
    """Return the kinds of a classifier's stem and of its stages' operators, named as the choices of a space are."""
    if not isinstance(network, Architecture):
        return {}
    return {"stem": network.stem.kind} | {
        f"stages[{i}].operator": stage.operator.kind for i, stage in enumerate(network.stages)
    }


def flat(data: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return plain data as parameters: nested names joined by dots, of characters that every tracker takes.

    Args:
        data: Mappings, sequences, texts, numbers; None is left out.

    Examples:
        >>> flat({"stages[0].operator": "conv", "recipe": {"epochs": 3}})
        {'stages.0.operator': 'conv', 'recipe.epochs': 3}
    """
    found: dict[str, Parameter] = {}
    for name, value in data.items():
        plain = re.sub(r"[^\w./-]", "_", re.sub(r"\[(\w+)\]", r".\1", name))
        if isinstance(value, Mapping):
            found |= {f"{plain}.{inner}": leaf for inner, leaf in flat(value).items()}
        elif isinstance(value, bool | int | float | str):
            found[plain] = value
        elif value is not None:
            found[plain] = str(value)
    return found
