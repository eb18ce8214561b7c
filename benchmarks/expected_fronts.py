"""Gap between the accuracy that a front promises and what its networks keep, as seen and as expected.

    python benchmarks/expected_fronts.py [--table tables/hybrid256_digits.json.gz] [--trainings 64] [--settle 0]
        [--sampler model] [--repetitions 30]

Each repetition replays a search in a table, of whose trainings the last may settle its front. It makes the
front of the accuracies that the search saw and the front of those that are expected (`sasa_nas.surrogate.posterior`),
and compares both with the networks' mean accuracy over the trainings of the table that the search did *not* see, by
which also the hypervolume of each is taken. Writes
`benchmarks/results/expected_fronts_<table>.json`; intervals are 95 % intervals of the mean over repetitions.
"""

import argparse
import json
import math
import statistics
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import optuna
from keeper import Keeper
from scipy.stats import kendalltau

from sasa_nas.analysis.pareto import dominated_volume, pick, undominated
from sasa_nas.files import write_text
from sasa_nas.run import SearchSettings, TrialRecord
from sasa_nas.run.designs import Designs, trained
from sasa_nas.run.provenance import versions
from sasa_nas.run.records import Sampler
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import SearchStudy
from sasa_nas.searching.simulate.replay import recorded, replay_plan
from sasa_nas.searching.simulate.simulation import WORKERS, simulate
from sasa_nas.surrogate.posterior import posterior_of
from sasa_nas.table import Table, load_table
from sasa_nas.training.device import describe_device, pick_device

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def searched(
    table: Table, trainings: int, settle: int, sampler: Sampler, seed: int
) -> tuple[list[TrialRecord], dict[str, float]]:
    """Return the trainings of a search, and the mean accuracy of the others of each network that has others.

    Args:
        table: The table.
        trainings: Number of trainings.
        settle: Number of these by which the front is settled in the end.
        sampler: Sampler of the search.
        seed: Seed of the search.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    settings, keeper = SearchSettings(seed=seed, trials=trainings - settle, settle=settle, sampler=sampler), Keeper()
    plan = replay_plan(table, settings)
    proposer = Proposer(SearchStudy(plan), plan, keeper)
    simulate(proposer, recorded(table), workers=WORKERS, observer=keeper)
    records = trained(keeper.records)
    seen: dict[str, list[float]] = {}
    for record in records:
        seen.setdefault(str(record.architecture_id), []).append(record.accuracy or 0.0)
    others = {}
    for row in table.rows:
        # a replay takes each training of a network once before it takes any again
        mine, all_ = seen.get(row.architecture.id, []), [curve[-1] for curve in row.accuracy]
        if len(mine) < len(all_):
            others[row.architecture.id] = (sum(all_) - sum(mine)) / (len(all_) - len(mine))
    return records, others


def judged(front: Sequence[TrialRecord], others: dict[str, float], reference: dict[str, float]) -> dict[str, float]:
    """Return a front's promises and what they come to, in points of accuracy; the best is the most accurate."""
    known = [record for record in front if record.architecture_id in others]
    kept = [others[str(record.architecture_id)] for record in known]
    networks = [record.model_copy(update={"accuracy": k}) for record, k in zip(known, kept, strict=True)]
    knee = pick(front, "knee")
    return {
        "hypervolume": dominated_volume(networks, reference),
        "networks": len(front),
        "knee_true": 100 * others.get(str(knee.architecture_id), math.nan),
        "front_gap": 100 * statistics.fmean((r.accuracy or 0.0) - k for r, k in zip(known, kept, strict=True)),
        "best_gap": 100 * ((known[-1].accuracy or 0.0) - kept[-1]),
        "best_true": 100 * kept[-1],
    }


def reference(table: Table) -> dict[str, float]:
    """Return the same for all searches: accuracy by chance, and the next power of ten above all FLOPs."""
    classes = table.rows[0].architecture.num_classes
    return {"accuracy": 1 / classes, "flops": 10.0 ** len(str(max(row.flops for row in table.rows)))}


def repetition(table: Table, trainings: int, settle: int, sampler: Sampler, seed: int) -> dict[str, dict[str, float]]:
    """Return the figures of one search, by the kind of front."""
    records, others = searched(table, trainings, settle, sampler, seed)
    found = Designs(records)
    posterior = posterior_of(found)
    if posterior is None:
        raise ValueError(f"{trainings} trainings are too few for a model")
    seen, expected = found.means(), posterior.expected
    known = [i for i, record in enumerate(seen) if record.architecture_id in others]
    true = [others[str(seen[i].architecture_id)] for i in known]
    return {
        kind: judged(undominated(networks), others, reference(table))
        | {"tau": float(kendalltau(true, [networks[i].accuracy for i in known]).statistic)}
        for kind, networks in (("seen", seen), ("expected", expected))
    }


def interval(values: Sequence[float]) -> dict[str, float]:
    """Return mean and 95 % interval of the mean of the values that are known."""
    values = [value for value in values if not math.isnan(value)]
    half = 1.96 * statistics.stdev(values) / len(values) ** 0.5
    mean = statistics.fmean(values)
    return {"mean": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}


def main() -> None:
    """Write and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--table", type=Path, default=ROOT / "tables" / "hybrid256_digits.json.gz")
    parser.add_argument("--trainings", type=int, default=64)
    parser.add_argument("--settle", type=int, default=0, help="of these, to settle the front in the end")
    parser.add_argument("--sampler", choices=get_args(Sampler), default="model")
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    table = load_table(options.table)
    if any(len(row.accuracy) < 2 for row in table.rows):
        parser.error(f"{options.table} holds one training of some networks, and no other to judge it by")
    how = options.trainings, options.settle, options.sampler
    rows = [repetition(table, *how, seed) for seed in range(options.repetitions)]
    result: dict[str, Any] = {
        "table": options.table.name,
        "trainings": options.trainings,
        "settle": options.settle,
        "sampler": options.sampler,
        "repetitions": options.repetitions,
        "machine": describe_device(pick_device("cpu")),
        "versions": versions(),
    }
    result["expected_less_seen"] = {
        name: interval([row["expected"][name] - row["seen"][name] for row in rows]) for name in rows[0]["seen"]
    }
    for kind in rows[0]:
        result[kind] = {name: interval([row[kind][name] for row in rows]) for name in rows[0][kind]}
        print(kind, {name: value["mean"] for name, value in result[kind].items()})
    settled = f"_settle_{options.settle}" if options.settle else ""
    out = options.out or RESULTS / f"expected_fronts_{options.table.name.removesuffix('.json.gz')}{settled}.json"
    write_text(out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
