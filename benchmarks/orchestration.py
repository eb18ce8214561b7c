"""Cost of a search beside training: seconds a trial through the whole engine, with trainings that end at once.

    python benchmarks/orchestration.py [--trials 1000] [--workers 2] [--space resnet_hybrid] [--profile FILE]

Everything is as in `sasa-nas search`, its own choice of a sampler included: Ray, Tune, worker processes, proposals,
trials.jsonl, the trials' folders. Only a training is replaced by a report made up on the spot. Counted from the first
trial's start to the last one's end, so that Ray's start-up is left out. Then the run is read by `sasa-nas pareto RUN`
in a process of its own. Writes `benchmarks/results/orchestration.json`.
"""

import argparse
import cProfile
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from measure import machine

from sasa_nas.files import write_text
from sasa_nas.run import Outcome, SearchSettings, TrialRecord
from sasa_nas.searching import observer, search
from sasa_nas.searching.driver import tune_run
from sasa_nas.searching.driver.searcher import TASK
from sasa_nas.searching.driver.tune_components import TrialTrainable
from sasa_nas.searching.worker.messages import TrainingReport, TrainingTask
from sasa_nas.searching.worker.training import Training
from sasa_nas.space import load_space

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "orchestration.json"
READS = 5


class Instant(Training):
    """In a `Training`'s place: all epochs at once, with an accuracy that grows with the network's width."""

    def advance(self) -> TrainingReport:
        """Return the only report."""
        stages = self.task.architecture.stages
        attending = sum(stage.operator.kind != "conv" for stage in stages)
        accuracy = 0.5 + 0.05 * attending + 1e-4 * sum(stage.width * stage.blocks for stage in stages)
        return TrainingReport(
            number=self.task.number, epoch=1, accuracy=accuracy, train_loss=1.0, outcome=Outcome.TRAINED
        )


class InstantTrainable(TrialTrainable):
    """The worker's side, without training."""

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial."""
        self._training = Instant(TrainingTask.model_validate_json(new_config[TASK]), self._data)
        return True


class Clock(observer.SearchObserver):
    """Notes when trials end, and the driver's processor time then."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    def trial_ended(self, record: TrialRecord) -> None:
        """Note it, where a training ended."""
        if record.outcome is Outcome.TRAINED:
            self.ends.append((time.perf_counter(), time.process_time()))


def pace(ends: list[tuple[float, float]]) -> dict[str, float]:
    """Seconds a trial between two notes, by the wall's clock and by the driver's processor time."""
    trials = len(ends) - 1
    return {
        "trials": trials,
        "seconds_a_trial": (ends[-1][0] - ends[0][0]) / trials,
        "driver_cpu_seconds_a_trial": (ends[-1][1] - ends[0][1]) / trials,
    }


def read_seconds(run: Path) -> dict[str, float]:
    """Wall-clock and processor seconds of `sasa-nas pareto RUN`, process start included: the median of a few."""
    walls, processors = [], []
    for _ in range(READS):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "from sasa_nas.cli.app import main; raise SystemExit(main())", "pareto", str(run)],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        walls.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"seconds": statistics.median(walls), "cpu_seconds": statistics.median(processors)}


def main() -> None:
    """Search, reads, writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--space", default="resnet_hybrid")
    parser.add_argument("--profile", type=Path, help="also write the driver's profile here")
    parser.add_argument("--keep", type=Path, help="keep the run's folder here")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file to write")
    options = parser.parse_args()
    tune_run.__dict__["TrialTrainable"] = InstantTrainable
    clock = Clock()
    profiler = cProfile.Profile() if options.profile else None
    with tempfile.TemporaryDirectory() as scratch:
        run = options.keep or Path(scratch) / "run"
        if profiler:
            profiler.enable()
        search(
            load_space(options.space),
            SearchSettings(trials=options.trials, workers=options.workers),
            out=run,
            observer=clock,
        )
        if profiler:
            profiler.disable()
            profiler.dump_stats(options.profile)
        bounds = [i * len(clock.ends) // 4 for i in range(5)]
        overall = pace(clock.ends)
        quarters = [pace(clock.ends[begin:end]) for begin, end in pairwise(bounds)]
        load, reading = os.getloadavg()[0], read_seconds(run)
        result = {
            "space": options.space,
            "workers": options.workers,
            "all": overall,
            "quarters": quarters,
            "pareto": {"trials": options.trials, **reading},
            "cpus": os.cpu_count(),
            "load_before_reading": load,
            "machine": machine(torch.device("cpu")),
        }
    write_text(options.out, json.dumps(result, indent=1) + "\n")
    for name, pace_of in (("all trials", overall), ("the last quarter", quarters[-1])):
        print(
            f"{name}: {pace_of['seconds_a_trial']:.3f} s a trial, of which the driver computes "
            f"{pace_of['driver_cpu_seconds_a_trial']:.3f} s"
        )
    print(f"`sasa-nas pareto` of {options.trials} trials: {reading['seconds']:.2f} s, start included")
    print(options.out)


if __name__ == "__main__":
    main()
