"""Trainings that diverge or collapse: they are counted by operator, and estimates with and without them are told."""

from itertools import product

import numpy as np
import pytest
from assertions import every
from planted_studies import (
    Kinds,
    coverage,
    half_width,
    kinds_of,
    normal,
    operators,
    study,
    trainings,
    truths,
    with_accuracies,
)
from pydantic import ValidationError

from sasa_nas.analysis.where import Where, words
from sasa_nas.analysis.where.failures import failures_as_chance, least_absolute
from sasa_nas.run import Arm, Outcome, TrialRecord

LOCAL = "local_attention"
EVERY = list(product(("conv", LOCAL, "augmented_conv", "pairwise"), repeat=4))
RECORDS = trainings("hybrid256", 24)
CHANCE = 1.0 / RECORDS[0].architecture.num_classes  # type: ignore[union-attr]
AT_RISK = np.array([kinds_of(record)[1] == "pairwise" for record in RECORDS])


def mean(kinds: Kinds) -> float:
    return 0.8 + 0.03 * (kinds[3] == LOCAL)


def diverging(generator: np.random.Generator, accuracies: np.ndarray) -> np.ndarray:
    """Three in ten trainings with pairwise attention in the second stage end without an accuracy."""
    return np.where(AT_RISK & (generator.random(len(accuracies)) < 0.3), np.nan, accuracies)


def collapsing(generator: np.random.Generator, accuracies: np.ndarray) -> np.ndarray:
    """One in twenty trainings ends at chance."""
    return np.where(generator.random(len(accuracies)) < 0.05, CHANCE, accuracies)


def held(answers: list[Where], truth: dict[tuple[str, str], float], name: str) -> float:
    """Share of the intervals of that name that hold the truth."""
    found = [(getattr(e, name), truth[e.factor, str(e.level)]) for answer in answers for e in operators(answer)]
    told = [interval.low <= true <= interval.high for interval, true in found if interval is not None]
    return float(np.mean(told))


@pytest.mark.slow
def test_failures_as_chance_cost_an_operator_what_they_cost() -> None:
    answers = study("hybrid256", RECORDS, mean, normal(0.01), 20, diverging)
    truth = truths(EVERY, lambda k: 0.7 * mean(k) + 0.3 * CHANCE if k[1] == "pairwise" else mean(k))
    (cost,) = [truth[key] for key in truth if key == ("stages[1].operator", "pairwise")]
    assert cost < -0.2
    assert held(answers, truth, "failures_as_chance") >= 0.93
    risky = [e for a in answers for e in operators(a) if (e.factor, e.level) == ("stages[1].operator", "pairwise")]
    assert np.mean([e.failures_as_chance.effect for e in risky if e.failures_as_chance]) == pytest.approx(
        cost, abs=0.04
    )
    # of those that did well the effect stays, which counted alone credits the operator with 20 points
    assert coverage(answers, truths(EVERY, mean)) >= 0.92
    assert np.mean([e.effect for e in risky]) == pytest.approx(0.0, abs=0.01)


def test_failures_are_counted_by_operator_and_told() -> None:
    accuracies = np.full(len(RECORDS), 0.8)
    accuracies[np.flatnonzero(AT_RISK)[:4]] = np.nan
    answer = study(
        "hybrid256", RECORDS, mean, normal(0.01), 1, lambda _, drawn: np.where(np.isnan(accuracies), np.nan, drawn)
    )[0]
    of_stage = {one.operator: one for one in answer.failures if one.stage == 1}
    assert (of_stage["pairwise"].failed, of_stage["pairwise"].trainings) == (4, 12)
    assert sum(one.failed for one in of_stage.values()) == 4
    assert sum(one.trainings for one in of_stage.values()) == len(RECORDS)
    (remark,) = [text for text in words.remarks(answer) if "failed" in text]
    assert remark.startswith(
        "4 balanced trainings failed, most often with pairwise in stage 2: 4 of 12. Effects are of"
    )
    assert "with failures as chance, it is worth -" in remark


def test_only_what_a_network_is_to_blame_for_is_a_failure() -> None:
    records = with_accuracies(RECORDS[:4], [0.8, np.nan, np.nan, np.nan])
    records[2] = records[2].model_copy(update={"outcome": Outcome.LOST})
    records[3] = records[3].model_copy(update={"arm": Arm.SEARCH})
    changed = failures_as_chance(records)
    assert [(r.outcome, r.accuracy) for r in changed] == [
        (Outcome.TRAINED, 0.8),
        (Outcome.TRAINED, CHANCE),
        (Outcome.LOST, None),
        (Outcome.DIVERGED, None),
    ]


def test_no_number_is_no_accuracy() -> None:
    for accuracy in (float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            TrialRecord(number=0, outcome=Outcome.TRAINED, accuracy=accuracy)


@pytest.mark.slow
def test_collapsed_trainings_do_not_blur_the_estimate_without_outliers() -> None:
    answers = study("hybrid256", RECORDS, mean, normal(0.01), 20, collapsing)
    assert half_width(answers) > 0.1
    told = [e.without_outliers for a in answers for e in operators(a) if e.without_outliers is not None]
    assert np.mean([one.high - one.low for one in told]) / 2 < 0.015
    assert held(answers, truths(EVERY, mean), "without_outliers") >= 0.91


def test_outliers_are_named_and_none_is_where_noise_is_normal() -> None:
    (answer,) = study("hybrid256", RECORDS, mean, normal(0.01), 1)
    assert (answer.outliers, answer.failures, words.remarks(answer)) == ([], [], [])
    assert every(e.without_outliers is None for e in [*answer.effects, *answer.stages])

    def end(_: np.random.Generator, accuracies: np.ndarray) -> np.ndarray:
        return np.where(np.isin(np.arange(len(accuracies)), (3, 30)), CHANCE, accuracies)

    (answer,) = study("hybrid256", RECORDS, mean, normal(0.01), 1, end)
    assert answer.outliers == [3, 30]
    (remark,) = words.remarks(answer)
    assert remark.startswith("2 trainings ended far from what the others let expect: trials 3 and 30. Without them, ")
    assert "the largest effect is that of stage 4: +" in remark
    assert sum(one.outliers for one in answer.failures if one.stage == 0) == 2
    assert every(e.without_outliers is not None for e in [*answer.effects, *answer.stages])


def test_least_absolute_deviations_are_the_medians_of_groups() -> None:
    group = np.repeat([0, 1], 5)
    columns = np.column_stack([np.ones(10), group])
    observed = np.array([1.0, 2.0, 3.0, 4.0, 90.0, 11.0, 12.0, 13.0, 14.0, -70.0])
    assert least_absolute(columns, observed) == pytest.approx([3.0, 12.0 - 3.0])
