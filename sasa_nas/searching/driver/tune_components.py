"""Components for Ray Tune: a trainable that trains, a scheduler that stops, a watch that kills, a stopper for all."""

import time
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from sasa_nas.run import Outcome
from sasa_nas.searching.driver.searcher import REPORT, TASK, StudySearcher
from sasa_nas.searching.storage import StorageError
from sasa_nas.searching.worker.data_cache import DataCache
from sasa_nas.searching.worker.messages import TrainingTask
from sasa_nas.searching.worker.training import Training

RESTARTS = 2
"""Restarts of a trial whose worker died, without a new epoch in between, before it is given up."""


class TrialTrainable(tune.Trainable):  # type: ignore[misc]
    """Trains one trial after the other in one worker process."""

    def setup(self, config: dict[str, Any]) -> None:
        """Set up a process, with its first trial."""
        self._data = DataCache()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial, so that the process and its data serve again."""
        self._training = Training(TrainingTask.received(new_config[TASK]), self._data)
        return True

    def step(self) -> dict[str, Any]:
        """One epoch."""
        report = self._training.advance()
        return {REPORT: report.model_dump_json(), "done": report.outcome is not Outcome.RUNNING}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: a training keeps its own checkpoint in the trial's folder, which outlives Tune's experiment."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing, likewise."""


class HalvingScheduler(FIFOScheduler):  # type: ignore[misc]
    """Asks after every epoch whether a trial goes on; the order of trials is the searcher's.

    Args:
        searcher: Searcher that decides whether a trial goes on.
    """

    def __init__(self, searcher: StudySearcher) -> None:
        super().__init__()
        self._searcher = searcher

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Tune's word for going on or for stopping."""
        if self._searcher.advanced(trial.trial_id, result):
            # a machine may vanish as often as it likes, if only trainings get on
            trial.max_failures = trial.num_failures + RESTARTS
        goes_on = self._searcher.goes_on(trial.trial_id, result)
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Keep what a worker said at last; Tune tells the searcher no more than that it failed."""
        name, _, words = (trial.get_error() or "").strip().rpartition("\n")[2].partition(": ")
        if name.endswith(StorageError.__name__):
            self._searcher.note(trial.trial_id, words)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its scheduler; ours is never restored."""
        return {}


class Watch(tune.Callback):  # type: ignore[misc]
    """Knows the trials' workers, and kills those that take too long. Tune asks it ten times a second.

    Args:
        searcher: Searcher that is told of trials whose time is over.
        timeout: Seconds that a trial may run, restarts included; None for any time.
    """

    def __init__(self, searcher: StudySearcher, timeout: float | None) -> None:
        self._searcher = searcher
        self._timeout = timeout
        self._spent: dict[str, float] = {}
        self._running: dict[str, tuple[Any, float]] = {}
        self._actors: dict[str, str] = {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that a worker begins a trial, or begins it again."""
        self._running[trial.trial_id] = (trial, time.monotonic())
        self._actors[trial.trial_id] = trial.temporary_state.ray_actor._actor_id.hex()

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Its worker died; it waits for another."""
        _, begun = self._running.pop(trial.trial_id, (trial, time.monotonic()))
        self._spent[trial.trial_id] = self._spent.get(trial.trial_id, 0.0) + time.monotonic() - begun

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that a trial is over."""
        self._running.pop(trial.trial_id, None)
        self._spent.pop(trial.trial_id, None)
        self._actors.pop(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that a trial is over."""
        self.on_trial_complete(iteration, trials, trial)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Kills the workers of trials whose time is over; Tune then finds that they died."""
        if self._timeout is None:
            return
        now = time.monotonic()
        for trial_id, (trial, begun) in list(self._running.items()):
            if self._spent.get(trial_id, 0.0) + now - begun > self._timeout:
                del self._running[trial_id]
                self._searcher.time_out(trial_id)
                trial.max_failures = 0  # no second try
                if trial.temporary_state.ray_actor is not None:
                    ray.kill(trial.temporary_state.ray_actor)

    def killed(self, message: str) -> set[str]:
        """Return the trials of whose workers Ray speaks in a message; all that are under way, if it names none.

        Args:
            message: Message that names a worker by its id, in hexadecimal digits.
        """
        named = {trial_id for trial_id, actor in self._actors.items() if actor in message}
        return named & self._searcher.live() or self._searcher.live()

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks; ours is never restored."""
        return {}


class StopAll(tune.Stopper):  # type: ignore[misc]
    """Ends the experiment once the searcher cannot go on. Trials under way stay as they are.

    Args:
        searcher: Searcher that knows whether the experiment can go on.
    """

    def __init__(self, searcher: StudySearcher) -> None:
        self._searcher = searcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No single trial is stopped here."""
        return False

    def stop_all(self) -> bool:
        """Return whether something went wrong that is no trial's fault."""
        return self._searcher.failure is not None

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its stopper; ours is never restored."""
        return {}
