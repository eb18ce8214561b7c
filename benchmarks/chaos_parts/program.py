"""The command lines of a round, and where the run that they work on lies."""

import json
import shutil
from pathlib import Path
from typing import Any

from chaos_parts.processes import Session
from chaos_parts.scenario import WORKERS, Program, Scenario

NETWORKS = 2
"""Networks that a retraining trains, with as many seeds each."""
SEEDS = 2
RETRAINING = "chaos"


def space(epochs: int) -> dict[str, Any]:
    """Return a space of eight small networks on digits."""
    operator = {"choice": [{"kind": "conv"}, {"kind": "local_attention", "kernel_size": 3, "num_heads": 2}]}
    stages = [{"blocks": 1, "width": 8, "stride": stride, "operator": operator} for stride in (2, 2, 1)]
    return {
        "name": "eight",
        "block": "basic",
        "stem": {"kind": "conv", "width": 8},
        "stages": stages,
        "proxy": {"dataset": "digits", "image_size": 6, "recipe": {"epochs": epochs, "batch_size": 64}},
    }


class Command:
    """Command of a round: the first run, and the one that goes on.

    Args:
        scenario: Of the round.
        folder: Its own.
        run: The run's folder; need not exist.
        base: A finished run, which a retraining copies.
    """

    def __init__(self, scenario: Scenario, folder: Path, run: Path, base: Path) -> None:
        self._scenario = scenario
        self._run = run
        self.space = folder / "space.json"
        self.space.write_text(json.dumps(space(scenario.settings["epochs"])), encoding="utf-8")
        (folder / "t").mkdir()
        if scenario.program == "retrain":
            shutil.copytree(base, run)

    @property
    def epochs(self) -> int:
        """Epochs of all trainings together, at most; trials where a formula answers."""
        settings, program = self._scenario.settings, self._scenario.program
        if program == "formula":
            return int(settings["trials"])
        trainings = NETWORKS * SEEDS if program == "retrain" else settings["trials"]
        return int(trainings * settings["epochs"])

    @property
    def workers(self) -> int:
        """Trainings at a time."""
        at_once: int = self._scenario.settings.get("at_once", WORKERS)
        return at_once

    def words(self) -> list[str]:
        """Return what a person would type next."""
        if self._scenario.program == "retrain":
            settings = self._scenario.settings
            return retraining(self._run, settings["epochs"], settings["at_once"])
        if (self._run / "run.json").exists():
            return ["resume", str(self._run)]
        return _search(self._scenario.program, self._scenario.settings, self.space, self._run)


def retraining(run: Path, epochs: int, at_once: int = 1) -> list[str]:
    """Return the command line that trains the first networks of a run in full, so many trainings at once."""
    trials = [word for number in range(NETWORKS) for word in ("--trial", str(number))]
    return [
        *("retrain", str(run), *trials, "--name", RETRAINING, "--size", "proxy", "--dataset", "digits"),
        *("--image-size", "6", "--seeds", str(SEEDS), "--epochs", str(epochs), "--device", "cpu"),
        *("--at-once", str(at_once)),
    ]


def _search(program: Program, settings: dict[str, Any], file: Path, run: Path) -> list[str]:
    words = ["search", "--trials", str(settings["trials"]), "--seed", str(settings["seed"]), "--out", str(run)]
    words += ["--workers", str(WORKERS), "--gpus-per-trial", "0"]
    words += ["--halving"] if settings["halving"] else []
    if program == "formula":
        epochs = str(settings["epochs"])
        return [*words, "--space", "resnet_hybrid", "--dataset", "synthetic:additive", "--epochs", epochs]
    return [*words, "--space", str(file), *(("--cpus-per-trial", "auto") if program == "packed" else ())]


def make_base(folder: Path, epochs: int, mark: str) -> Path:
    """Make a finished run without training, for retrainings to begin with.

    Raises:
        RuntimeError: If that fails.
    """
    run, file = folder / "base", folder / "base.json"
    (folder / "t").mkdir(exist_ok=True)
    if not run.exists():
        file.write_text(json.dumps(space(epochs)), encoding="utf-8")
        words = ["search", "--space", str(file), "--dataset", "synthetic:additive", "--trials", "3", "--out", str(run)]
        _carry_out(words, folder, "base", mark)
    return run


def undisturbed_retraining(base: Path, folder: Path, epochs: int, mark: str) -> Path:
    """Return a copy of `base` with a retraining that nothing disturbed.

    Raises:
        RuntimeError: If that fails.
    """
    run = folder / f"retrained-{epochs}"
    if not run.exists():
        shutil.copytree(base, run)
        _carry_out(retraining(run, epochs), folder, run.name, mark)
    return run


def _carry_out(words: list[str], folder: Path, name: str, mark: str) -> None:
    session = Session(words, folder, name, mark)
    if session.wait(600) != 0:
        raise RuntimeError(f"{' '.join(words)} failed: {session.stderr[-500:]}")
