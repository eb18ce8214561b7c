"""Effects of a whole table at equal FLOPs, by what FLOPs buy as width of the all-convolution network.

    python benchmarks/exchange.py --table tables/groups_64_tiny_imagenet.json.gz --data-dir DIR
        [--trainings 8] [--processes 2] [--out FILE]

The table holds every network of its space, but at the space's widths alone. So the all-convolution network is trained
at others, by the table's recipe and on its images, with the designs, the order and the seeds of `sasa-nas where
--widths`. All trainings of the table, as balanced ones, and these are one run, of which `where` tells what doubled
FLOPs buy and the effect of attention in each stage, as trained and at equal FLOPs. Trainings that have ended are kept
in `<out>.partial.jsonl` until the results are written, and a later call goes on from there. On the CPU, a thread a
training. Writes `benchmarks/results/exchange_<table>.json`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from study.tables import BASELINE, Studied, read_studied, stage_titles
from study.widths import Widened, open_journal, require_images, train, widened

from sasa_nas.analysis.where import Effect, Interval, StageEffect, Where, where
from sasa_nas.errors import UserError
from sasa_nas.files import write_text
from sasa_nas.run import Arm, Outcome, RunInfo, SearchSettings, TrialRecord
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.searching.plan import Design, draw
from sasa_nas.searching.simulate.replay import replay_plan
from sasa_nas.space.choosers import RecallChooser
from sasa_nas.table import Table
from sasa_nas.table.journal import Curve
from sasa_nas.training.device import describe_device, pick_device

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def balanced(table: Table) -> list[TrialRecord]:
    """Return all trainings of a table as those of a search that is all in balance."""
    plan = replay_plan(table, SearchSettings())
    found: list[TrialRecord] = []
    for row in table.rows:
        design = draw(plan, RecallChooser(row.choices))
        if design.architecture.id != row.architecture.id:
            raise UserError(f"the table's network {row.architecture.id} is another in this version; make it anew")
        for seed, accuracies in zip(table.info.seeds, row.accuracy, strict=False):
            found.append(_trained(len(found), design, Arm.BALANCED, seed, accuracies[-1]))
    return found


def at_widths(wanted: Sequence[Widened], curves: Sequence[Curve], first: int) -> list[TrialRecord]:
    """Return trainings at other widths as trials.

    Args:
        wanted: The trainings.
        curves: Their courses.
        first: Number of the first trial.
    """
    return [
        _trained(first + i, one.design, Arm.WIDTH, one.seed, curve.accuracy[-1], one.multiplier)
        for i, (one, curve) in enumerate(zip(wanted, curves, strict=True))
    ]


def _trained(
    number: int, design: Design, arm: Arm, seed: int, accuracy: float, multiplier: float | None = None
) -> TrialRecord:
    return TrialRecord(
        number=number,
        outcome=Outcome.TRAINED,
        architecture=design.architecture,
        full_size=design.full_size,
        accuracy=accuracy,
        flops=design.flops,
        params=design.params,
        arm=arm,
        seed=seed,
        width_multiplier=multiplier,
    )


def answered(table: Table, wanted: Sequence[Widened], curves: Sequence[Curve]) -> Where:
    """Return the answer of `where` on all trainings of a table and those at other widths.

    Raises:
        UserError: If these are too few for an exchange rate.
    """
    trials = balanced(table)
    info = RunInfo(
        space=table.info.space,
        settings=SearchSettings(trials=len(trials), balanced=1.0, widths=len(wanted)),
        created=table.info.created,
        command="",
        versions=table.info.versions,
        git=table.info.git,
        device=table.info.device,
    )
    found = where(info, [*trials, *at_widths(wanted, curves, len(trials))])
    if found.exchange is None:
        raise UserError(f"{len(wanted)} trainings are too few to tell what FLOPs buy; take 7 of three widths")
    return found


def result(studied: Studied, wanted: Sequence[Widened], curves: Sequence[Curve]) -> dict[str, Any]:
    """Return everything that is told of a table as plain data."""
    found = answered(studied.table, wanted, curves)
    assert found.exchange is not None
    operators = [one for one in found.effects if one.factor.endswith("].operator") and one.baseline == BASELINE]
    return {
        "sha256": studied.sha256,
        "dataset": studied.table.info.dataset,
        "recipe": studied.table.info.space["proxy"]["recipe"],
        "stages": stage_titles(studied.architectures[0]),
        "trainings": [
            {
                "multiplier": one.multiplier,
                "seed": one.seed,
                "flops": one.design.flops,
                "params": one.design.params,
                "accuracy": curve.accuracy[-1],
                "accuracies": curve.accuracy,
                "seconds": round(curve.seconds, 2),
            }
            for one, curve in zip(wanted, curves, strict=True)
        ],
        "per_doubling": _interval(found.exchange.per_doubling),
        "beyond": found.exchange.beyond,
        "stage_effects": [
            {"stage": one.stage, **_readings(one)} for one in sorted(found.stages, key=lambda one: one.stage)
        ],
        "effects": [
            {"stage": int(one.factor.removeprefix("stages[").split("]")[0]), "operator": one.level, **_readings(one)}
            for one in operators
        ],
        "device": describe_device(pick_device("cpu")),
        "versions": versions(),
        "git": git_state(),
    }


def _readings(effect: Effect | StageEffect) -> dict[str, Any]:
    assert effect.at_equal_flops is not None
    return {
        "extra_flops": effect.extra_flops,
        "raw": _interval(effect),
        "at_equal_flops": _interval(effect.at_equal_flops),
    }


def _interval(one: Interval) -> dict[str, Any]:
    return one.model_dump(include=set(Interval.model_fields))


def told(one: dict[str, Any]) -> str:
    """Return an effect in points of accuracy with its interval and its star."""
    star = "*" if one["star"] else ""
    return f"{100 * one['effect']:+.2f}{star} ({100 * one['low']:+.2f} to {100 * one['high']:+.2f})"


def main() -> int:
    """Train, ask, write the file; 2 where images or table do not fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--table", type=Path, default=ROOT / "tables" / "groups_64_tiny_imagenet.json.gz")
    parser.add_argument("--data-dir", type=Path, help="where the table's images lie")
    parser.add_argument("--trainings", type=int, default=8, help="of the all-convolution network, in turn by width")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="the file of results")
    options = parser.parse_args()
    try:
        studied = read_studied(options.table)
        out = options.out or RESULTS / f"exchange_{studied.name}.json"
        require_images(studied.table, options.data_dir)
        wanted = widened(studied.table, options.trainings)
        journal = open_journal(out.with_name(f"{out.name}.partial.jsonl"), studied.table, wanted)
        curves = train(wanted, studied.table, journal, options.data_dir, workers=options.processes)
        found = result(studied, wanted, curves)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    write_text(out, json.dumps(found, indent=1) + "\n")
    journal.path.unlink()
    print(f"doubled FLOPs buy {told(found['per_doubling'])} points")
    for one in found["effects"]:
        print(
            f"{found['stages'][one['stage']]}, {one['operator']}: {told(one['raw'])} as trained, "
            f"{told(one['at_equal_flops'])} at equal FLOPs"
        )
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
