"""Runs made by a formula, for the tests of `where`: balanced designs of a space, and accuracies without a search."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

from sasa_nas.analysis.where import RESOLUTION, Scores, Where, where
from sasa_nas.run import Arm, Outcome, RunInfo, SearchSettings, TrialRecord
from sasa_nas.searching.plan import Design, SearchPlan, draw, plan_search
from sasa_nas.searching.propose.balanced import BalancedDesigns
from sasa_nas.searching.propose.baseline import baseline
from sasa_nas.searching.propose.requests import FIRST_SEEDS
from sasa_nas.searching.propose.widths import at_width, widenings
from sasa_nas.space import SearchSpace, load_space
from sasa_nas.space.choosers import RecallChooser
from sasa_nas.space.files import validate_space
from sasa_nas.surrogate.factors import Level
from sasa_nas.synthetic import Planted


def conditional_space() -> SearchSpace:
    """Two stages; window attention has a window and heads of its own."""
    local = {"kind": "local_attention", "kernel_size": {"choice": [3, 5, 7]}, "num_heads": {"choice": [2, 4]}}
    stage = {"blocks": 1, "width": 16, "operator": {"choice": [{"kind": "conv"}, local]}}
    data = {
        "name": "conditional",
        "block": "basic",
        "stem": {"kind": "conv", "width": 16},
        "stages": [stage, stage, stage],
        "proxy": {"dataset": "digits", "recipe": {"epochs": 1}},
    }
    return validate_space(data, "test")


def conditional_formula() -> Planted:
    """For `conditional_space`: window attention costs in the first stage, gains in the third, and with its window."""
    return Planted(
        base=0.7,
        operators={(0, "local_attention"): -0.04, (2, "local_attention"): 0.08},
        parameters={(2, "local_attention", "kernel_size", 5): 0.03, (2, "local_attention", "kernel_size", 7): 0.06},
        growth=0.0,
    )


def conditional_truth() -> dict[tuple[str, Level], float]:
    """The effects that `conditional_formula` plants; of all else there is none."""
    return {
        ("stages[0].operator", "local_attention"): -0.04,
        ("stages[2].operator", "local_attention"): 0.08 + 0.03,  # the mean over its windows
        ("stages[2].operator.local_attention.kernel_size", 5): 0.03,
        ("stages[2].operator.local_attention.kernel_size", 7): 0.06,
    }


def space_of_pairs() -> SearchSpace:
    """Two stages, each of convolution or two kinds of attention: nine networks."""
    kinds = [{"kind": "conv"}, {"kind": "local_attention", "kernel_size": 3, "num_heads": 4}, {"kind": "pairwise"}]
    stage = {"blocks": 1, "width": 16, "operator": {"choice": kinds}}
    data = {
        "name": "pairs",
        "block": "basic",
        "stem": {"kind": "conv", "width": 16},
        "stages": [stage, stage],
        "proxy": {"dataset": "digits", "recipe": {"epochs": 1}},
    }
    return validate_space(data, "test")


def space_of_sixteen() -> SearchSpace:
    """Four stages, each of convolution or window attention: sixteen networks."""
    kinds = [{"kind": "conv"}, {"kind": "local_attention", "kernel_size": 3, "num_heads": 4}]
    stage = {"blocks": 1, "width": 16, "operator": {"choice": kinds}}
    data = {
        "name": "sixteen",
        "block": "basic",
        "stem": {"kind": "conv", "width": 16},
        "stages": [stage, stage, stage, stage],
        "proxy": {"dataset": "digits", "recipe": {"epochs": 1}},
    }
    return validate_space(data, "test")


MADE = {"conditional": conditional_space, "pairs": space_of_pairs, "sixteen": space_of_sixteen}


@cache
def plan_of(name: str) -> SearchPlan:
    space = MADE[name]() if name in MADE else load_space(name)
    proxy = space.proxy.model_copy(update={"dataset": "synthetic:null"})
    return plan_search(space.model_copy(update={"proxy": proxy}), SearchSettings())


@cache
def designs_of(name: str, count: int) -> list[Design]:
    plan = plan_of(name)
    designs = BalancedDesigns(plan)
    return [draw(plan, RecallChooser(designs[i])) for i in range(count)]


def records_of(name: str, formula: Planted, count: int, repetition: int = 0) -> list[TrialRecord]:
    """Two trainings of each design."""
    found = []
    for i, design in enumerate(designs_of(name, count)):
        for seed in (2 * i, 2 * i + 1):
            flops = design.counts.flops()
            accuracy = formula.accuracy(design.architecture, flops, seed + 10_000 * repetition)
            found.append(
                TrialRecord(
                    number=seed,
                    outcome=Outcome.TRAINED,
                    architecture=design.architecture,
                    full_size=design.full_size,
                    accuracy=accuracy,
                    flops=flops,
                    params=design.counts.params,
                    arm=Arm.BALANCED,
                    seed=seed,
                )
            )
    return found


def width_records(name: str, formula: Planted, count: int, repetition: int = 0) -> list[TrialRecord]:
    """Trainings of the all-convolution network at other widths, one width after the other."""
    plan = plan_of(name)
    reference, wanted = baseline(plan), widenings(plan)
    assert reference is not None
    found = []
    for i in range(count):
        multiplier = wanted[i % len(wanted)].multiplier
        design = at_width(reference.design, multiplier)
        seed = FIRST_SEEDS[Arm.WIDTH] + i + 10_000 * repetition
        found.append(
            TrialRecord(
                number=FIRST_SEEDS[Arm.WIDTH] + i,
                outcome=Outcome.TRAINED,
                architecture=design.architecture,
                full_size=design.full_size,
                accuracy=formula.accuracy(design.architecture, design.flops, seed),
                flops=design.flops,
                params=design.params,
                arm=Arm.WIDTH,
                seed=seed,
                width_multiplier=multiplier,
            )
        )
    return found


def answer(name: str, formula: Planted, count: int, repetition: int = 0) -> Where:
    return answer_of(name, records_of(name, formula, count, repetition))


def answer_of(
    name: str, records: Sequence[TrialRecord], *, resolution: float = RESOLUTION, scores: Scores | None = None
) -> Where:
    plan = plan_of(name)
    info = RunInfo(
        space=plan.space.model_dump(mode="json"),
        settings=plan.settings,
        created=datetime(2026, 1, 2, tzinfo=UTC),
        command="",
        versions={},
        git=None,
        device="cpu",
    )
    return where(info, records, resolution=resolution, scores=scores)
