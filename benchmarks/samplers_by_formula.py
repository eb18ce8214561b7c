"""Comparison of samplers in a space too large for a table, whose trainings are answered by formulas.

    python benchmarks/samplers_by_formula.py [--searches 20] [--only SAMPLER ...] [--processes 2] [--out FILE]

Each search in `resnet_hybrid` trains 64 networks, none in balance, four side by side. It is judged by the hypervolume
of their planted mean accuracies, over accuracy 0.1 at 10^9 FLOPs, after 32 and 64 trainings. Writes
`benchmarks/results/samplers_by_formula.json`; intervals are 95 % intervals of the mean over searches. With
`--only`, the other samplers' figures stay as they are in that file.
"""

import argparse
import json
import statistics
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from earlier import earlier_results
from keeper import Keeper

from sasa_nas.analysis.pareto import hypervolume
from sasa_nas.files import write_text
from sasa_nas.run import SearchSettings
from sasa_nas.run.designs import trained
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.run.records import Sampler
from sasa_nas.searching.plan import plan_search
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import SearchStudy
from sasa_nas.searching.simulate.simulation import WORKERS, by_formula, simulate
from sasa_nas.space import load_space
from sasa_nas.synthetic import planted
from sasa_nas.training.device import describe_device, pick_device

RESULTS = Path(__file__).parent / "results"
SPACE = "resnet_hybrid"
TASKS = ("synthetic:additive", "synthetic:flops")
SAMPLERS: tuple[Sampler, ...] = ("model", "tpe", "random")
TRAININGS = (32, 64)
REFERENCE = {"accuracy": 0.1, "flops": 1e9}


@dataclass(frozen=True)
class Course:
    """One search.

    Attributes:
        volumes: Hypervolume after each of `TRAININGS`.
        seconds: Processor time of all of it, a training.
    """

    volumes: tuple[float, ...]
    seconds: float


def search(task: str, sampler: Sampler, seed: int) -> Course:
    """Carry out one search."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    space = load_space(SPACE)
    space = space.model_copy(update={"proxy": space.proxy.model_copy(update={"dataset": task})})
    settings = SearchSettings(sampler=sampler, trials=TRAININGS[-1], balanced=0.0, seed=seed)
    plan, keeper = plan_search(space, settings), Keeper()
    begun = time.process_time()
    simulate(Proposer(SearchStudy(plan), plan, keeper), by_formula(plan), workers=WORKERS, observer=keeper)
    seconds = time.process_time() - begun
    formula = planted(task)
    networks = [
        record.model_copy(update={"accuracy": formula.mean(record.architecture, record.flops or 0)})
        for record in trained(keeper.records)
        if record.architecture is not None
    ]
    volumes = tuple(hypervolume(networks[:count], reference=REFERENCE) for count in TRAININGS)
    return Course(volumes, seconds / TRAININGS[-1])


def summary(courses: list[Course]) -> dict[str, Any]:
    """Return mean hypervolumes with their intervals, and processor time a training."""
    told: dict[str, Any] = {"seconds_a_training": round(statistics.median(one.seconds for one in courses), 4)}
    for place, count in enumerate(TRAININGS):
        values = [one.volumes[place] for one in courses]
        half = 1.96 * statistics.stdev(values) / len(values) ** 0.5
        mean = statistics.fmean(values)
        told[str(count)] = {"mean": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}
    return told


def main() -> None:
    """Search, compare and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=SAMPLERS, help="samplers to judge")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "samplers_by_formula.json")
    options = parser.parse_args()
    earlier = earlier_results(options.out, {"searches": options.searches}, parser) if options.only else {}
    told: dict[str, dict[str, Any]] = earlier.get("tasks", {})
    with ProcessPoolExecutor(options.processes) as pool:
        for task in TASKS:
            told.setdefault(task, {})
            for sampler in options.only or SAMPLERS:
                told[task][sampler] = summary(list(pool.map(partial(search, task, sampler), range(options.searches))))
                print(task, sampler, told[task][sampler], flush=True)
    result = {
        "space": SPACE,
        "searches": options.searches,
        "workers": WORKERS,
        "reference": REFERENCE,
        "tasks": told,
        "machine": describe_device(pick_device("cpu")),
        "versions": versions(),
        "git": git_state(),
    }
    write_text(options.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
