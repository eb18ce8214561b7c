"""Bounds by all trainings: what is planted lies within them, though a search looks where accuracy is high."""

import random
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from assertions import every
from formula_runs import designs_of, plan_of, records_of

from sasa_nas.analysis.where import Bounds, PlaceBound, attention_bounds, words
from sasa_nas.run import Arm, Outcome, TrialRecord
from sasa_nas.searching.plan import Design
from sasa_nas.surrogate.factors import values_of
from sasa_nas.synthetic import Planted, planted

STAGES = [f"stages[{stage}].operator" for stage in range(4)]


def record(number: int, design: Design, accuracy: float) -> TrialRecord:
    return TrialRecord(
        number=number,
        outcome=Outcome.TRAINED,
        architecture=design.architecture,
        full_size=design.full_size,
        accuracy=accuracy,
        flops=design.counts.flops(),
        params=design.counts.params,
        arm=Arm.SEARCH,
        seed=number,
    )


@cache
def kinds_of(design: Design) -> tuple[str, ...]:
    return tuple(stage.operator.kind for stage in design.architecture.stages)


def trail(formula: Planted, count: int, repetition: int) -> list[TrialRecord]:
    """A greedy search in a pool of designs: eight at random, then those most like the best so far."""
    pool, generator, found = list(designs_of("hybrid256", 80)), random.Random(repetition), []
    generator.shuffle(pool)
    best: tuple[float, Design] | None = None
    for number in range(count):
        if number >= 8 and best is not None:
            like = [sum(a == b for a, b in zip(kinds_of(best[1]), kinds_of(one), strict=True)) for one in pool]
            design = pool.pop(int(np.argmax(like)))
        else:
            design = pool.pop()
        accuracy = formula.accuracy(design.architecture, design.counts.flops(), 1000 * repetition + number)
        found.append(record(number, design, accuracy))
        if best is None or accuracy > best[0]:
            best = (accuracy, design)
    return found


def means(formula: Planted) -> dict[str, float]:
    """The mean of a stage's planted effects over its kinds of attention, and over all designs of other stages."""
    kinds = ("local_attention", "pairwise", "augmented_conv")
    found = {path: np.mean([formula.operators.get((i, kind), 0.0) for kind in kinds]) for i, path in enumerate(STAGES)}
    for (one, other), effect in formula.interactions.items():
        found[STAGES[one]] += 0.75 * effect
        found[STAGES[other]] += 0.75 * effect
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("task", "left"), [("null", 0.01), ("additive", 0.01), ("interaction", 0.02)])
def test_what_is_planted_lies_within_all_bounds_of_a_greedy_search(task: str, left: float) -> None:
    formula, held = planted(f"synthetic:{task}"), []
    off: dict[str, list[float]] = {path: [] for path in STAGES}
    true = means(formula)
    for repetition in range(60):
        found = attention_bounds(plan_of("hybrid256").space, trail(formula, 24, repetition))
        assert found is not None
        held.append(all(one.low <= true[one.factor] <= one.high for one in found.places))
        for one in found.places:
            off[one.factor].append(one.effect - true[one.factor])
    assert np.mean(held) >= 0.9
    # effects of up to 12 points are not drawn towards zero; those of pairs are
    assert max(abs(np.mean(errors)) for errors in off.values()) < left


def test_of_an_exact_sum_the_effects_come_out_exactly() -> None:
    formula = Planted(operators={(2, "local_attention"): 0.06, (0, "local_attention"): -0.03}, noise=1e-6, growth=0.0)
    found = attention_bounds(plan_of("sixteen").space, records_of("sixteen", formula, 24))
    assert found is not None
    assert [one.effect for one in found.places] == pytest.approx([-0.03, 0.0, 0.06, 0.0], abs=1e-4)
    assert every(one.low < one.effect < one.high for one in found.places)
    assert (found.trainings, found.designs, found.failed, found.nothing_differs) == (48, 16, 0, False)
    assert words.bounded(found).startswith(
        "Attention helps in stage 3, +6.0 (+6.0 to +6.0) points and costs in stage 1"
    )


def test_the_stem_is_a_place_too_and_kinds_of_it_are_compared() -> None:
    found = attention_bounds(plan_of("resnet_hybrid").space, records_of("resnet_hybrid", planted("synthetic:null"), 14))
    assert found is not None
    assert [one.factor for one in found.places] == ["stem", *STAGES]
    assert found.places[0].levels == ["attention"]
    assert every(one.low <= 0.0 <= one.high for one in found.places)


def test_a_place_where_all_attend_or_all_convolve_is_not_told() -> None:
    records = records_of("sixteen", planted("synthetic:null"), 64)
    kept = [r for r in records if r.architecture and r.architecture.stages[1].operator.kind == "conv"]
    found = attention_bounds(plan_of("sixteen").space, kept)
    assert found is not None
    assert [one.factor for one in found.places] == [STAGES[0], *STAGES[2:]]
    assert found.not_told == [STAGES[1]]
    assert words.basis(found).endswith("at 95 % for all places together. Stage 2 cannot be told.")


def test_two_stages_that_attend_together_but_for_one_network_have_wide_bounds() -> None:
    records = records_of("hybrid256", planted("synthetic:null"), 60)
    apart = [r for r in records if r.architecture and len({stage_attends(r, 0), stage_attends(r, 1)}) == 2]
    found = attention_bounds(plan_of("hybrid256").space, [r for r in records if r not in apart[1:]])
    assert found is not None
    widths = [one.high - one.low for one in found.places]
    assert min(widths[:2]) > 1.5 * max(widths[2:])
    # without that one network nothing tells the two apart
    found = attention_bounds(plan_of("hybrid256").space, [r for r in records if r not in apart])
    assert found is not None
    assert [(one.low, one.high) for one in found.places[:2]] == [(-1.0, 1.0)] * 2
    assert max(one.high - one.low for one in found.places[2:]) < 0.1


def stage_attends(trial: TrialRecord, stage: int) -> bool:
    assert trial.architecture is not None
    return trial.architecture.stages[stage].operator.kind != "conv"


def test_too_few_networks_have_none() -> None:
    records = records_of("sixteen", planted("synthetic:null"), 8)
    assert attention_bounds(plan_of("sixteen").space, records) is None
    assert attention_bounds(plan_of("sixteen").space, []) is None


def test_failed_trainings_are_counted_and_equal_ones_say_so() -> None:
    records = [r.model_copy(update={"accuracy": 1.0}) for r in records_of("sixteen", planted("synthetic:null"), 24)]
    broken = [r.model_copy(update={"outcome": Outcome.DIVERGED, "accuracy": None}) for r in records[:3]]
    found = attention_bounds(plan_of("sixteen").space, [*broken, *records[3:]])
    assert found is not None
    assert (found.failed, found.nothing_differs) == (3, True)
    assert words.bounded(found) == "Nothing differs: all 45 trainings ended with the same accuracy."
    assert "By a model of all 45 trainings, at 95 % for all places together; 3 that broke off left out." in (
        words.basis(found)
    )


def place(factor: str, effect: float, low: float, high: float) -> PlaceBound:
    return PlaceBound(factor=factor, levels=["local_attention"], effect=effect, low=low, high=high)


def bounds(*places: PlaceBound) -> Bounds:
    return Bounds(places=list(places), trainings=25, designs=22, failed=0, not_told=[], nothing_differs=False)


UNSURE = [place("stem", -0.01, -0.03, 0.01), place(STAGES[0], 0.01, -0.02, 0.04)]
HELPS = place(STAGES[3], 0.05, 0.01, 0.09)
COSTS = place("stem", -0.05, -0.09, -0.01)


@pytest.mark.parametrize(
    ("places", "text"),
    [
        (UNSURE, "Nowhere does attention gain more than 4.0 points or cost more than 3.0."),
        ([UNSURE[1]], "In stage 1 attention gains at most 4.0 points and costs at most 2.0."),
        (
            [*UNSURE, HELPS],
            "Attention helps in stage 4, +5.0 (+1.0 to +9.0) points. "
            "Nowhere else does it gain more than 4.0 points or cost more than 3.0.",
        ),
        (
            [COSTS, UNSURE[1], HELPS],
            "Attention helps in stage 4, +5.0 (+1.0 to +9.0) points and costs in the stem, -5.0 (-9.0 to -1.0) points. "
            "In stage 1 it gains at most 4.0 points and costs at most 2.0.",
        ),
        ([COSTS], "Attention costs in the stem, -5.0 (-9.0 to -1.0) points."),
        ([place("stem", 0.0, -1.0, 1.0)], "Where attention helps cannot be told yet."),
        (
            [HELPS, place("stem", 0.0, -1.0, 1.0)],
            "Attention helps in stage 4, +5.0 (+1.0 to +9.0) points. Of the rest nothing can be told yet.",
        ),
    ],
)
def test_bounds_in_words(places: list[PlaceBound], text: str) -> None:
    assert words.bounded(bounds(*places)) == text


def test_the_pool_holds_every_pair_of_operators() -> None:
    networks = [values_of(design.full_size) for design in designs_of("hybrid256", 80)]
    for one, other in combinations(STAGES, 2):
        assert len({(network[one], network[other]) for network in networks}) == 16
