"""Bounds of short searches on the effect of attention, beside the truth.

    python benchmarks/bounds.py [--repetitions 200] [--sampler tpe] [--only CASE ...] [--processes 2] [--out FILE]

Searches, whose sampler looks where accuracy is high, are carried out where the effect of attention in each
place is known: in tables, which hold every network of their space, and by formulas with planted effects in
`resnet_hybrid`. Told are the share of searches whose bounds hold the truth in all places together, the bounds' mean
half-width, and how often they say of a place that attention helps or costs there, rightly and wrongly. Beside them
stand the effects that each seed of a table tells alone: with one seed for all trainings, a search would find its own.
Writes `benchmarks/results/bounds.json`, where cases that `--only` leaves out stay as they are; the one that is kept is
of `--sampler tpe`, and `bounds_as_searched.json` of fewer searches without that option.
"""

import argparse
import json
import statistics
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import get_args

import numpy as np
import optuna
from earlier import earlier_results
from keeper import Keeper
from scipy.stats import binomtest

from sasa_nas.analysis.where import Bounds, attention_bounds
from sasa_nas.analysis.where.population import population_of
from sasa_nas.files import write_text
from sasa_nas.run import SearchSettings
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.run.records import Sampler
from sasa_nas.searching.plan import SearchPlan, plan_search
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import SearchStudy
from sasa_nas.searching.simulate.replay import recorded, replay_plan
from sasa_nas.searching.simulate.simulation import WORKERS, Courses, by_formula, simulate
from sasa_nas.space import Image, SearchSpace, load_space
from sasa_nas.surrogate.factors import BASELINE, Values, factors_of, values_of
from sasa_nas.synthetic import planted
from sasa_nas.table import Table, load_table
from sasa_nas.training.device import describe_device, pick_device

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SPACE = "resnet_hybrid"


@dataclass(frozen=True)
class Case:
    """Searches of one kind.

    Attributes:
        name: Name in the results.
        source: A table's file name, or a synthetic task.
        trainings: Number of trainings of each search.
        halving: Whether they stop networks early.
    """

    name: str
    source: str
    trainings: int
    halving: bool = False


CASES = [
    Case("digits, 25 trainings", "hybrid256_digits.json.gz", 25),
    Case("digits, 64 trainings", "hybrid256_digits.json.gz", 64),
    Case("digits, 64 trainings, halving", "hybrid256_digits.json.gz", 64, halving=True),
    Case("Tiny ImageNet, 24 trainings", "groups_64_tiny_imagenet.json.gz", 24),
    Case("CIFAR-10, 25 trainings", "hybrid256_32_cifar10.json.gz", 25),
    Case("CIFAR-10, 64 trainings", "hybrid256_32_cifar10.json.gz", 64),
    *(
        Case(f"{task}, 25 trainings", f"synthetic:{task}", 25)
        for task in ("null", "additive", "interaction", "conditional", "flops")
    ),
]


@cache
def table_of(name: str) -> Table:
    """Return a table, read once a process."""
    return load_table(ROOT / "tables" / name)


@cache
def planted_space(task: str) -> SearchSpace:
    """Return the space whose networks are trained by a formula."""
    space = load_space(SPACE)
    found: SearchSpace = space.model_copy(update={"proxy": space.proxy.model_copy(update={"dataset": task})})
    return found


def prepared(case: Case, settings: SearchSettings) -> tuple[SearchPlan, Courses]:
    """Return the plan of a search, and its trainings."""
    if case.source.startswith("synthetic:"):
        plan = plan_search(planted_space(case.source), settings)
        return plan, by_formula(plan)
    table = table_of(case.source)
    return replay_plan(table, settings), recorded(table)


def found(case: Case, sampler: Sampler | None, seed: int) -> Bounds:
    """Return the bounds of one search."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    settings = SearchSettings(seed=seed, trials=case.trainings, halving=case.halving, sampler=sampler)
    keeper = Keeper()
    plan, courses = prepared(case, settings)
    simulate(Proposer(SearchStudy(plan), plan, keeper), courses, workers=WORKERS, observer=keeper)
    bounds = attention_bounds(plan.space, keeper.records)
    if bounds is None:
        raise SystemExit(f"{case.trainings} trainings are too few for bounds")
    return bounds


def truth(case: Case) -> dict[str, float]:
    """Return the effect of attention in each place: the mean over its kinds, in all networks or a large sample."""
    if case.source.startswith("synthetic:"):
        plan = plan_search(planted_space(case.source), SearchSettings())
        image = Image(channels=plan.data.channels, height=plan.data.height, width=plan.data.width)
        population = population_of(plan.space, image, plan.data.num_classes)
        assert population is not None
        formula = planted(case.source)
        pairs = zip(population.architectures, population.flops, strict=True)
        return effects(population.networks, [formula.mean(network, int(flops)) for network, flops in pairs])
    rows = table_of(case.source).rows
    accuracies = [statistics.fmean(course[-1] for course in row.accuracy) for row in rows]
    return effects([values_of(row.architecture) for row in rows], accuracies)


def effects(networks: Sequence[Values], accuracies: Sequence[float]) -> dict[str, float]:
    """Return the effects of attention by least squares in all factors of many networks."""
    factors = factors_of(networks)
    columns = np.hstack([np.ones((len(networks), 1)), *(factor.columns(networks) for factor in factors)])
    coefficients = np.linalg.pinv(columns) @ np.array(accuracies)
    place, told = 1, {}
    for factor in factors:
        width = len(factor.contrasts)
        if (factor.is_operator or factor.name == "stem") and factor.levels[0] == BASELINE:
            told[factor.name] = float(coefficients[place : place + width].mean())
        place += width
    return told


def judged(case: Case, found: Sequence[Bounds], true: dict[str, float]) -> dict[str, object]:
    """Compare the bounds of many searches with the truth; effects in points of accuracy."""
    places = [one for bounds in found for one in bounds.places]
    held = sum(all(one.low <= true[one.factor] <= one.high for one in bounds.places) for bounds in found)
    rate = binomtest(held, len(found)).proportion_ci()
    named = [one for one in places if one.low > 0.0 or one.high < 0.0]
    most = [
        max(one.high for one in bounds.places) >= max(true[one.factor] for one in bounds.places) for bounds in found
    ]
    return {
        "case": case.name,
        "repetitions": len(found),
        "true": {path: round(100 * value, 2) for path, value in true.items()},
        "held_together": {"share": held / len(found), "low": round(rate.low, 4), "high": round(rate.high, 4)},
        "held_singly": statistics.fmean(one.low <= true[one.factor] <= one.high for one in places),
        "most_held": statistics.fmean(most),
        "half_width": round(100 * statistics.fmean((one.high - one.low) / 2 for one in places), 3),
        "mean_error": round(100 * statistics.fmean(abs(one.effect - true[one.factor]) for one in places), 3),
        "places": len(places),
        "named": len(named),
        # an effect below a millionth is rounding
        "named_wrongly": sum(one.effect * true[one.factor] <= 1e-6 * abs(one.effect) for one in named),
    }


def by_seed(name: str) -> dict[str, object]:
    """Return the effects of attention that each seed of a table tells alone, in points, and their standard error.

    They are those of the networks that were trained with all seeds.

    Args:
        name: The table's file name.
    """
    table = table_of(name)
    rows = [row for row in table.rows if len(row.accuracy) == len(table.info.seeds)]
    networks = [values_of(row.architecture) for row in rows]
    told = [effects(networks, [row.accuracy[seed][-1] for row in rows]) for seed in range(len(rows[0].accuracy))]
    paths = sorted(told[0])
    attends = np.array([[1.0, *(float(network[path] != BASELINE) for path in paths)] for network in networks])
    rest = [np.array([row.accuracy[seed][-1] for row in rows]) for seed in range(len(told))]
    scatter = [float((y - attends @ np.linalg.pinv(attends) @ y).std()) for y in rest]
    error = statistics.fmean(scatter) * np.sqrt(np.diag(np.linalg.inv(attends.T @ attends))[1:]).mean()
    return {
        "effects": {path: [round(100 * one[path], 2) for one in told] for path in paths},
        "standard_error": round(100 * float(error), 3),
    }


def main() -> None:
    """Search, compare and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--sampler", choices=get_args(Sampler), help="by default the one that a search takes")
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES], help="cases to carry out")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "bounds.json")
    options = parser.parse_args()
    sampler = options.sampler or "as a search takes it"
    earlier = earlier_results(options.out, {"sampler": sampler}, parser) if options.only else {}
    kept = {row["case"]: row for row in earlier.get("cases", [])}
    with ProcessPoolExecutor(options.processes) as pool:
        for case in CASES:
            if options.only and case.name not in options.only:
                continue
            bounds = list(pool.map(partial(found, case, options.sampler), range(options.repetitions), chunksize=5))
            row = judged(case, bounds, truth(case))
            kept[case.name] = row
            print({name: value for name, value in row.items() if name != "true"}, flush=True)
    result = {
        "space_of_formulas": SPACE,
        "sampler": sampler,
        "cases": [kept[case.name] for case in CASES if case.name in kept],
        "effects_by_seed": {case.source: by_seed(case.source) for case in CASES if case.source.endswith(".gz")},
        "machine": describe_device(pick_device("cpu")),
        "versions": versions(),
        "git": git_state(),
    }
    write_text(options.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
