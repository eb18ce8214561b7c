"""Answers of `where` from part of an exhaustive table beside the effects of the whole table.

    python benchmarks/effects.py [--table tables/hybrid256_digits.json.gz] [--trainings 48 96] [--repetitions 20]
        [--processes 2] [--out FILE]

The table holds every network of its space, so that the effect of an operator in a stage is known: the mean accuracy of
all networks that have it there, less the mean of those with convolution there, over all seeds. Searches that replay
the table get to see a part: only balanced trainings (`--balanced 1`), of several numbers. Told are how far their
effects are from the truth and how many of their 95 % intervals hold it: as `where` gives them, and with and without
FLOPs and parameters of all networks as a score. Beside them stand the same differences of means
taken from the trail of an optimiser, TPE for accuracy and FLOPs, that had as many trainings. Of a network that the
table holds one training of, truth and searches have that one, so that it adds less to the errors than it should. Writes
`benchmarks/results/effects_<table>.json`.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import optuna

from sasa_nas.analysis.where import Interval, where
from sasa_nas.files import write_text
from sasa_nas.run import Outcome, RunInfo, SearchSettings, TrialRecord, read_info
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.searching.simulate.replay import replay
from sasa_nas.space import Architecture
from sasa_nas.table import Table, load_table
from sasa_nas.training.device import describe_device, pick_device

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
TRAININGS = (48, 96)
BASELINE = "conv"

Place = tuple[int, str]
"""A stage and an operator's kind."""
Ends = tuple[float, float]
"""Lower and upper end of an interval."""


@dataclass(frozen=True)
class Answer:
    """Answer of one search: effects by place, and the intervals of those that `where` tells."""

    effects: dict[Place, float]
    intervals: dict[Place, Ends]
    with_score: dict[Place, Ends]
    without_score: dict[Place, Ends]
    score_taken: bool
    starred: tuple[Place, ...]


@dataclass(frozen=True)
class Intervals:
    """Intervals of many searches beside the truth."""

    held: float
    half_width: float


@dataclass(frozen=True)
class Score:
    """Answers of many searches beside the truth; accuracies between 0 and 1."""

    trainings: int
    told: int
    error: float
    largest_error: float
    error_of_trail: float
    held: float
    half_width: float
    with_score: Intervals | None
    without_score: Intervals | None
    score_taken: float
    starred: float
    starred_wrongly: int


@cache
def table_of(path: Path) -> Table:
    """Read once a process."""
    return load_table(path)


def differences(networks: Sequence[Architecture], accuracies: Sequence[float]) -> dict[Place, float]:
    """For each stage and operator: the mean of the networks with it less the mean of those with convolution there."""
    found: dict[Place, float] = {}
    for stage in range(len(networks[0].stages)):
        groups: dict[str, list[float]] = {}
        for network, accuracy in zip(networks, accuracies, strict=True):
            groups.setdefault(network.stages[stage].operator.kind, []).append(accuracy)
        for kind, group in groups.items():
            if kind != BASELINE and BASELINE in groups:
                found[stage, kind] = statistics.fmean(group) - statistics.fmean(groups[BASELINE])
    return found


def truth(table: Table) -> dict[Place, float]:
    """Return the effects in the whole table."""
    accuracies = [statistics.fmean(course[-1] for course in row.accuracy) for row in table.rows]
    return differences([row.architecture for row in table.rows], accuracies)


def told_by(path: Path, settings: SearchSettings) -> tuple[list[TrialRecord], RunInfo]:
    """Return a replayed search's trials, and what it was asked."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch:
        summary = replay(path, settings, out=Path(scratch) / "run")
        return summary.records, read_info(summary.folder)


def answer(path: Path, trainings: int, seed: int) -> tuple[Answer, dict[Place, float]]:
    """Return the answer of a balanced search, and the differences in TPE's trail."""
    balanced = SearchSettings(trials=trainings, balanced=1.0, seed=seed)
    records, info = told_by(path, balanced)
    told = where(info, records)
    operators = {
        (int(effect.factor.removeprefix("stages[").split("]")[0]), str(effect.level)): effect
        for effect in told.effects
        if effect.factor.endswith("].operator") and effect.baseline == BASELINE
    }
    trail, _ = told_by(path, balanced.model_copy(update={"sampler": "tpe", "balanced": 0.0}))
    trained = [(r.architecture, r.accuracy) for r in trail if r.outcome is Outcome.TRAINED]
    networks, accuracies = zip(*((a, b) for a, b in trained if a is not None and b is not None), strict=True)
    return (
        Answer(
            effects={place: effect.effect for place, effect in operators.items()},
            intervals={place: (effect.low, effect.high) for place, effect in operators.items()},
            with_score=ends({place: effect.with_score for place, effect in operators.items()}),
            without_score=ends({place: effect.without_score for place, effect in operators.items()}),
            score_taken=told.score is not None and told.score.taken,
            starred=tuple(place for place, effect in operators.items() if effect.star),
        ),
        differences(networks, accuracies),
    )


def ends(found: Mapping[Place, Interval | None]) -> dict[Place, Ends]:
    """Return the ends of the intervals that are told."""
    return {place: (interval.low, interval.high) for place, interval in found.items() if interval is not None}


def judged(found: Sequence[dict[Place, Ends]], true: dict[Place, float]) -> Intervals | None:
    """Compare intervals with the truth; None without any."""
    told = [(low, high, true[place]) for one in found for place, (low, high) in one.items()]
    if not told:
        return None
    return Intervals(
        held=statistics.fmean(low <= effect <= high for low, high, effect in told),
        half_width=statistics.fmean((high - low) / 2 for low, high, _ in told),
    )


def score(trainings: int, answers: Sequence[tuple[Answer, dict[Place, float]]], true: dict[Place, float]) -> Score:
    """Compare answers with the truth."""
    told = [(place, one) for one, _ in answers for place in one.effects]
    off = [abs(one.effects[place] - true[place]) for place, one in told]
    off_trail = [abs(effect - true[place]) for _, trail in answers for place, effect in trail.items()]
    whole = judged([one.intervals for one, _ in answers], true)
    if whole is None:
        raise SystemExit(f"{trainings} balanced trainings are too few to tell any effect")
    stars = [(place, one) for one, _ in answers for place in one.starred]
    return Score(
        trainings=trainings,
        told=len(told),
        error=statistics.fmean(off),
        largest_error=max(off),
        error_of_trail=statistics.fmean(off_trail),
        held=whole.held,
        half_width=whole.half_width,
        with_score=judged([one.with_score for one, _ in answers], true),
        without_score=judged([one.without_score for one, _ in answers], true),
        score_taken=statistics.fmean(one.score_taken for one, _ in answers),
        starred=len(stars) / len(told),
        starred_wrongly=sum(one.effects[place] * true[place] < 0 for place, one in stars),
    )


def beside(one: Score) -> str:
    """Return what FLOPs and parameters of all networks do for the intervals, in words."""
    if one.with_score is None or one.without_score is None:
        return "every network is trained, so that there is nothing to score"
    return (
        f"with FLOPs and parameters {100 * one.with_score.held:.1f} % at {100 * one.with_score.half_width:.2f} points, "
        f"without {100 * one.without_score.held:.1f} % at {100 * one.without_score.half_width:.2f}, "
        f"taken in {100 * one.score_taken:.0f} %"
    )


def main() -> None:
    """Replays, compares, writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--table", type=Path, default=ROOT / "tables" / "hybrid256_digits.json.gz")
    parser.add_argument("--trainings", type=int, nargs="+", default=TRAININGS)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="the file to write; by default named for the table")
    options = parser.parse_args()
    out = options.out or RESULTS / f"effects_{options.table.name.removesuffix('.json.gz')}.json"
    true = truth(load_table(options.table))
    scores = []
    with ProcessPoolExecutor(options.processes) as pool:
        for trainings in options.trainings:
            found = list(pool.map(partial(answer, options.table, trainings), range(options.repetitions)))
            scores.append(score(trainings, found, true))
            one = scores[-1]
            print(
                f"{one.trainings} balanced trainings: off by {100 * one.error:.2f} points, "
                f"{100 * one.largest_error:.2f} at most (an optimiser's trail: {100 * one.error_of_trail:.2f}), "
                f"{100 * one.held:.1f} % of {one.told} intervals hold the truth, "
                f"half as wide as {100 * one.half_width:.2f} points; {100 * one.starred:.0f} % starred, "
                f"{one.starred_wrongly} of them with the wrong sign; {beside(one)}",
                flush=True,
            )
    result = {
        "table": options.table.name,
        "repetitions": options.repetitions,
        "truth": [{"stage": stage, "operator": kind, "effect": effect} for (stage, kind), effect in true.items()],
        "scores": [asdict(one) for one in scores],
        "machine": describe_device(pick_device("cpu")),
        "versions": versions(),
        "git": git_state(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, json.dumps(result, indent=1) + "\n")
    for (stage, kind), effect in sorted(true.items()):
        print(f"stage {stage + 1} {kind:16} {100 * effect:+.2f} points")


if __name__ == "__main__":
    main()
