"""Quality of a one-shot supernet: its order of a table's networks beside the true one.

    sasa-nas supernet --space groups_64 --seeds 3 --epochs 10 --data-dir DIR --out runs/supernet
    python benchmarks/one_shot.py tables/groups_64_tiny_imagenet.json.gz runs/supernet

The table holds every network of its space; the truth is the mean accuracy over all its seeds. Beside the supernet's tau
stand those of costs and training-free scores, of one training of each network after its first epoch and in full, and of
a ridge regression on as many stand-alone epochs as the supernet's paths were trained for. Effects of each operator in
each stage, by the supernet and by the table, show its bias. Writes `benchmarks/results/one_shot_<table>.json`, which
`natural_images.py` puts into the study.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.predictors import early_epochs, predictors
from study.ridge import ridge_tau
from study.tables import Studied, read_studied

from sasa_nas.analysis.rank_correlation import RankCorrelation, rank_correlation
from sasa_nas.files import write_text
from sasa_nas.run.path_records import PathRecord, losses_by_design, one_shot_scores
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.run.supernet_folder import SupernetFolder
from sasa_nas.run.supernet_records import read_paths, read_supernet
from sasa_nas.supernet.paths import MOST_TOGETHER
from sasa_nas.table.reliability import tau_between_seeds

RESULTS = Path(__file__).parent / "results"


def correlated(studied: Studied, scores: Mapping[str, float]) -> RankCorrelation | None:
    """Return the correlation of scores by design with the table's mean accuracies."""
    values = [scores.get(one.id, float("nan")) for one in studied.architectures]
    return rank_correlation(values, studied.means.tolist())


def effects(studied: Studied, records: Sequence[PathRecord]) -> list[dict[str, Any]]:
    """Return the effect of each operator in each stage against the stage's first one, by the supernet and by the table.

    An effect is the mean accuracy of all networks with the operator there, less that of those with the first, over all
    seeds.
    """
    judged: dict[str, list[float]] = {}
    for record in records:
        judged.setdefault(record.architecture_id, []).append(record.accuracy)
    told = [statistics.fmean(judged[one.id]) for one in studied.architectures]
    found = []
    for stage in range(len(studied.architectures[0].stages)):
        operators = [one.stages[stage].operator for one in studied.architectures]
        first, *others = dict.fromkeys(operators)
        for operator in others:
            sides: list[float] = []
            for accuracies in (told, studied.means.tolist()):
                with_it, without = (
                    [accuracy for accuracy, here in zip(accuracies, operators, strict=True) if here == side]
                    for side in (operator, first)
                )
                sides.append(statistics.fmean(with_it) - statistics.fmean(without))
            found.append({"stage": stage, "operator": operator.kind, "supernet": sides[0], "table": sides[1]})
    return found


def result(
    studied: Studied, folder: SupernetFolder, training_free: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """Return everything that is told of a supernet as plain data."""
    info, records = read_supernet(folder), read_paths(folder)
    seeds = sorted({record.seed for record in records})
    epochs = info.space["proxy"]["recipe"]["epochs"]
    operators = [
        len({one.stages[i].operator for one in studied.architectures}) for i in range(len(info.space["stages"]))
    ]
    path_epochs = len(seeds) * epochs * min(MOST_TOGETHER, max(operators))
    early = early_epochs(studied)
    return {
        "epochs": epochs,
        "seeds": seeds,
        "path_epochs": path_epochs,
        "one_shot": _plain(correlated(studied, one_shot_scores(records))),
        "each_seed": [
            _plain(correlated(studied, one_shot_scores([record for record in records if record.seed == seed])))
            for seed in seeds
        ],
        "between_seeds": tau_between_seeds(list(losses_by_design(records).values())),
        "ridge": ridge_tau(studied, round(path_epochs / studied.table.info.epochs)),
        "predictors": {name: _plain(found) for name, found in predictors(studied, training_free).items()},
        "one_epoch": early["accuracy"][0],
        "one_training": early["accuracy"][-1],
        "effects": effects(studied, records),
        "accuracy": statistics.fmean(record.accuracy for record in records),
        "device": info.device,
        "versions": versions(),
        "git": git_state(),
    }


def _plain(found: RankCorrelation | None) -> dict[str, Any] | None:
    return None if found is None else found.model_dump()


def main() -> int:
    """Write the results and print the taus."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("table", type=Path)
    parser.add_argument("supernet", type=Path, help="the folder of a supernet of the table's space")
    parser.add_argument("--out", type=Path, help="the file of results")
    options = parser.parse_args()
    studied = read_studied(options.table)
    study = json.loads((RESULTS / "natural_images.json").read_text(encoding="utf-8"))["tables"].get(studied.name, {})
    found = result(studied, SupernetFolder(options.supernet), study.get("scores", {}))
    out = options.out or RESULTS / f"one_shot_{studied.name}.json"
    write_text(out, json.dumps(found, indent=1) + "\n")
    rows = {"supernet": found["one_shot"], "ridge, as many epochs": found["ridge"], **found["predictors"]}
    rows |= {"one epoch of one seed": found["one_epoch"], "one training": found["one_training"]}
    for name, tau in rows.items():
        print(f"{name:24}" + ("-" if tau is None else f"{tau['tau']:+.2f} ({tau['low']:+.2f} to {tau['high']:+.2f})"))
    print(f"between seeds of the supernet: {found['between_seeds']}")
    for effect in found["effects"]:
        print(
            f"stage {effect['stage'] + 1}, {effect['operator']}: {effect['supernet']:+.4f}, "
            f"table {effect['table']:+.4f}"
        )
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
