"""Comparison of searches by the epochs in which they find a good front: replays of a table, with many seeds.

    python benchmarks/searchers.py [--table tables/hybrid256_digits.json.gz] [--seeds 30] [--processes 2] [--out FILE]
        [--only NAME ...]

Every searcher is the one that `sasa-nas search` runs: the same proposer, duplicates refused, the same early stopping.
Four workers train side by side; all but random begin with the all-convolution network. A searcher is judged by the
hypervolume of the networks that it has trained to the end, after so many epochs of all trainings together: by the
networks' mean accuracy over all seeds of the table, which no searcher sees (true), by the accuracies that it saw, of
one of the table's seeds, and by those fitted to all of the table's trainings (`study.fitted`). Of a network that the
table holds one training of, the first two are that one, luck included; the third holds little of it. The budget is
that of 64 full trainings. Writes `benchmarks/results/searchers_<table>.json`; intervals are 95 % bootstrap intervals of
the mean over seeds, of which GP has ten, as its replays take minutes each. With `--only`, the other searchers' figures
stay as they are in that file.
"""

import argparse
import json
import statistics
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from earlier import earlier_results
from study.fitted import fitted_accuracies, left_out_error

from sasa_nas.analysis.pareto import dominated_volume, hypervolume
from sasa_nas.files import write_text
from sasa_nas.run import Outcome, SearchSettings, TrialRecord
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.searching.observer import EpochReport, SearchObserver
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import SearchStudy
from sasa_nas.searching.simulate.replay import recorded, replay_plan
from sasa_nas.searching.simulate.simulation import WORKERS, simulate
from sasa_nas.table import Table, load_table
from sasa_nas.table.reliability import estimate_reliability, final_accuracies
from sasa_nas.training.device import describe_device, pick_device

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
KINDS = ("true", "seen", "fitted")
"""Accuracies that a searcher is judged by."""
FULL_TRAININGS = 64
SHARES = (0.0625, 0.125, 0.25, 0.5, 1.0)
"""Shares of the budget after which searchers are compared."""
SEARCHERS: dict[str, SearchSettings] = {
    "random": SearchSettings(sampler="random"),
    "random, stopping on all objectives": SearchSettings(sampler="random", halving=True),
    "NSGA-II": SearchSettings(sampler="nsga2"),
    "GP": SearchSettings(sampler="gp"),
    "TPE": SearchSettings(sampler="tpe"),
    "TPE, stopping on accuracy alone": SearchSettings(sampler="tpe", objectives=("accuracy",), halving=True),
    "TPE, stopping on all objectives": SearchSettings(sampler="tpe", halving=True),
    "model": SearchSettings(sampler="model"),
    "model, stopping on all objectives": SearchSettings(sampler="model", halving=True),
}
FEWER = {"GP": 10}
"""Seeds of a searcher whose proposals take seconds each, so that a search of 64 trainings is replayed for minutes."""


@dataclass(frozen=True)
class Course:
    """One search: after so many epochs, such hypervolumes."""

    epochs: tuple[int, ...]
    seen: tuple[float, ...]
    true: tuple[float, ...]
    fitted: tuple[float, ...]

    def at(self, epochs: float, values: Sequence[float]) -> float:
        """Return the hypervolume reached after so many epochs, 0 before the first network was trained."""
        return max((value for spent, value in zip(self.epochs, values, strict=True) if spent <= epochs), default=0.0)


class Follower(SearchObserver):
    """Keeps the hypervolumes of what is trained so far.

    Args:
        table: The table.
        fitted: Fitted accuracies of its networks, by their ids.
    """

    def __init__(self, table: Table, fitted: Mapping[str, float]) -> None:
        self._unseen = means_of(table), fitted
        self._reference = reference(table)
        self._spent = 0
        self._records: list[TrialRecord] = []
        self.points: list[tuple[int, float, float, float]] = []

    def epoch_ended(self, report: EpochReport) -> None:
        """Count it."""
        self._spent += 1

    def trial_ended(self, record: TrialRecord) -> None:
        """Measures anew where a network was trained to the end."""
        if record.outcome is Outcome.TRAINED:
            self._records.append(record)
            seen = hypervolume(self._records, reference=self._reference)
            true, fitted = (self._by(accuracies) for accuracies in self._unseen)
            self.points.append((self._spent, seen, true, fitted))

    def _by(self, accuracies: Mapping[str, float]) -> float:
        """Return the hypervolume by accuracies of networks, by their ids."""
        told = [r.model_copy(update={"accuracy": accuracies[r.architecture_id or ""]}) for r in self._records]
        return hypervolume(told, reference=self._reference)


def reference(table: Table) -> dict[str, float]:
    """Return the same for all searches: accuracy by chance, and the next power of ten above all FLOPs."""
    classes = table.rows[0].architecture.num_classes
    return {"accuracy": 1 / classes, "flops": 10.0 ** len(str(max(row.flops for row in table.rows)))}


def means_of(table: Table) -> dict[str, float]:
    """Return the mean accuracy of each network over its seeds, by its id."""
    pairs = zip(table.rows, final_accuracies(table), strict=True)
    return {row.architecture.id: statistics.fmean(own) for row, own in pairs}


def decisive(table: Table, fitted: Mapping[str, float]) -> dict[str, object]:
    """Return which network the whole table's hypervolume by means depends on most, and what it is without that one.

    Args:
        table: The table.
        fitted: Fitted accuracies of its networks, by their ids.
    """
    means, corner = means_of(table), reference(table)
    networks = [
        TrialRecord(number=i, outcome=Outcome.TRAINED, accuracy=means[row.architecture.id], flops=row.flops)
        for i, row in enumerate(table.rows)
    ]
    without = [dominated_volume([*networks[:i], *networks[i + 1 :]], corner) for i in range(len(networks))]
    place = int(np.argmin(without))
    network = table.rows[place].architecture.id
    return {
        "network": network,
        "mean": means[network],
        "fitted": fitted[network],
        "hypervolume": dominated_volume(networks, corner),
        "hypervolume_without": without[place],
    }


def fit_quality(table: Table) -> dict[str, float | None]:
    """Return the fitted accuracies' error on trainings left out, and what it would be without any."""
    noise = estimate_reliability(final_accuracies(table))
    return {"left_out_error": left_out_error(table), "sd_between_seeds": None if noise is None else noise.within}


@cache
def table_of(path: Path) -> Table:
    """Read once a process."""
    return load_table(path)


@cache
def fitted_of(path: Path) -> dict[str, float]:
    """Return the fitted accuracies of a table's networks by their ids, computed once a process."""
    table = table_of(path)
    ids = [row.architecture.id for row in table.rows]
    return dict(zip(ids, fitted_accuracies(table).tolist(), strict=True))


def search(path: Path, settings: SearchSettings, seed: int) -> Course:
    """One replayed search, up to the budget."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    table = table_of(path)
    settings = settings.model_copy(update={"seed": seed, "trials": len(table.rows), "balanced": 0.0})
    follower = Follower(table, fitted_of(path))
    plan = replay_plan(table, settings)
    proposer = Proposer(SearchStudy(plan), plan, follower)
    budget = FULL_TRAININGS * table.info.epochs
    simulate(proposer, recorded(table), workers=WORKERS, observer=follower, budget=budget)
    epochs, seen, true, fitted = zip(*follower.points, strict=True)
    return Course(epochs, seen, true, fitted)


def interval(values: Sequence[float]) -> dict[str, float]:
    """Return the mean, and a 95 % bootstrap interval of it."""
    draws = np.random.default_rng(0).choice(np.asarray(values), (2000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"mean": float(np.mean(values)), "low": float(low), "high": float(high)}


def epochs_to(course: Course, values: Sequence[float], wanted: float) -> int | None:
    """Epochs until a hypervolume is reached; None if it never is."""
    return next((spent for spent, value in zip(course.epochs, values, strict=True) if value >= wanted), None)


def summary(courses: Sequence[Course], wanted: dict[str, float], budget: int) -> dict[str, Any]:
    """Summarise the courses of one searcher."""
    told: dict[str, Any] = {}
    for kind in KINDS:
        values = [getattr(course, kind) for course in courses]
        reached = [epochs_to(c, v, wanted[kind]) for c, v in zip(courses, values, strict=True)]
        after = {
            round(share * budget): [c.at(share * budget, v) for c, v in zip(courses, values, strict=True)]
            for share in SHARES
        }
        told[kind] = {
            "hypervolume": {str(epochs): interval(areas) for epochs, areas in after.items()},
            "median_epochs_to_random": statistics.median(budget + 1 if r is None else r for r in reached),
            "never_reached": sum(r is None for r in reached),
            "searches": len(courses),
        }
    return told


def at_budget(courses: Sequence[Course], budget: int) -> dict[str, float]:
    """Return the mean hypervolume of searches when the budget is spent, by the kind of accuracy."""
    return {kind: statistics.fmean(course.at(budget, getattr(course, kind)) for course in courses) for kind in KINDS}


def main() -> None:
    """Replays all searchers and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--table", type=Path, default=ROOT / "tables" / "hybrid256_digits.json.gz")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="the file to write; by default named for the table")
    parser.add_argument("--only", nargs="+", choices=SEARCHERS, help="searchers to run; the file must be there")
    options = parser.parse_args()
    out = options.out or RESULTS / f"searchers_{options.table.name.removesuffix('.json.gz')}.json"
    table = load_table(options.table)
    budget = FULL_TRAININGS * table.info.epochs
    scope = {"table": options.table.name, "seeds": options.seeds}
    earlier = earlier_results(out, scope, parser) if options.only else {}
    if options.only and not earlier:
        parser.error(f"{out} is not there: run all searchers first")
    found: dict[str, list[Course]] = {}
    with ProcessPoolExecutor(options.processes) as pool:
        for name, settings in SEARCHERS.items():
            if options.only and name not in options.only:
                continue
            seeds = range(min(options.seeds, FEWER.get(name, options.seeds)))
            found[name] = list(pool.map(partial(search, options.table, settings), seeds))
            print(f"{name}: {len(seeds)} searches", flush=True)
    wanted = earlier["random_at_budget"] if earlier else at_budget(found["random"], budget)
    told = earlier.get("searchers", {})
    told |= {name: summary(courses, wanted, budget) for name, courses in found.items()}
    result = {
        **scope,
        "workers": WORKERS,
        "budget_epochs": budget,
        "random_at_budget": wanted,
        "reference": reference(table),
        "fit": fit_quality(table),
        "decisive": decisive(table, fitted_of(options.table)),
        "searchers": {name: told[name] for name in SEARCHERS if name in told},
        "machine": describe_device(pick_device("cpu")),
        "versions": versions(),
        "git": git_state(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, json.dumps(result, indent=1) + "\n")
    for kind in KINDS:
        print(f"\nhypervolume by {kind} accuracies after so many epochs; random reaches {wanted[kind]:.4f}")
        for name, numbers in told.items():
            columns = [f"{n}: {v['mean']:.4f}" for n, v in numbers[kind]["hypervolume"].items()]
            reached = f"{numbers[kind]['median_epochs_to_random']:.0f}, never {numbers[kind]['never_reached']}"
            print(f"{name:36} {'  '.join(columns)}  median epochs to random's: {reached}")


if __name__ == "__main__":
    main()
