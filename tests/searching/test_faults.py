"""One real search with a fault of every kind in its workers."""

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from assertions import every
from ray import cloudpickle
from studies import shown

from sasa_nas.run import Outcome, SearchSettings
from sasa_nas.searching import search
from sasa_nas.searching.driver import tune_run
from sasa_nas.searching.driver.searcher import TASK
from sasa_nas.searching.driver.tune_components import TrialTrainable, Watch
from sasa_nas.searching.worker.messages import TrainingTask
from sasa_nas.training.loop import NonFiniteLoss

TIMEOUT = 3600.0


class FaultyTrainable(TrialTrainable):
    """Trial 0 loses its worker once, 1 hangs, 2 finds no memory, 3 diverges, 4 breaks; the others are well."""

    def step(self) -> dict[str, Any]:
        training = self._training
        number, trainer = training.task.number, training._trainer
        epochs = trainer.epoch if trainer else 0
        if number == 0 and epochs == 2 and _first_time(training.task.folder / "killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 1 and epochs == 1:
            (training.task.folder / "hangs").touch()
            time.sleep(1000)
        failures = {2: torch.OutOfMemoryError("none left"), 3: NonFiniteLoss("nan"), 4: ZeroDivisionError("bug")}
        if number in failures and epochs == 1:
            trainer.run_epoch = lambda: (_ for _ in ()).throw(failures[number])
        return super().step()


class ImpatientWatch(Watch):
    """Takes the time of a trial that hangs for over at once, so that a slow machine is never taken for a hang."""

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        for trial_id, (trial, _) in self._running.items():
            if (TrainingTask.model_validate_json(trial.config[TASK]).folder / "hangs").exists():
                self._spent[trial_id] = TIMEOUT
        super().on_step_end(iteration, trials, **info)


def _first_time(marker: Path) -> bool:
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_fault_has_its_outcome_and_the_others_are_trained(
    make_space, tmp_path: Path, notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(tune_run, "TrialTrainable", FaultyTrainable)
    monkeypatch.setattr(tune_run, "Watch", ImpatientWatch)
    space = make_space(lambda data: data["proxy"]["recipe"].update(epochs=3))
    settings = SearchSettings(trials=6, workers=2, balanced=0.0, trial_timeout=TIMEOUT)
    summary = search(space, settings, out=tmp_path / "run", observer=notes)
    spent = [record for record in summary.records if record.outcome.spent]
    assert {record.number: record.outcome for record in spent[:5]} == {
        0: Outcome.TRAINED,
        1: Outcome.TIMED_OUT,
        2: Outcome.OUT_OF_MEMORY,
        3: Outcome.DIVERGED,
        4: Outcome.BROKEN,
    }
    assert [record.outcome for record in spent[5:]] == [Outcome.TRAINED]
    assert spent[1].reason == f"it took longer than {TIMEOUT:g} s"
    assert not summary.interrupted
    epochs = Counter((report.number, report.epoch) for report in notes.epochs)
    assert [epochs[0, epoch] for epoch in (1, 2, 3)] == [1, 2, 1]  # what the worker had trained is not trained again
    assert [record.number for record in notes.started].count(2) == 2  # once more, when others were done
    trials = shown(summary.folder)
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert every(trial.state.is_finished() for trial in trials)
    assert not list(summary.folder.trials.glob("*/checkpoint*"))
