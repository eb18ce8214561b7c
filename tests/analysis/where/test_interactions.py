"""Operators of two stages together: against means by hand, where a sample is too small, and one planted pair found."""

from collections.abc import Callable, Sequence
from itertools import combinations

import pytest
from formula_runs import answer_of, records_of

from sasa_nas.run import TrialRecord
from sasa_nas.synthetic import Planted, planted

Kinds = tuple[str, ...]
NULL = planted("synthetic:null")


def kinds(record: TrialRecord) -> Kinds:
    assert record.architecture is not None
    return tuple(stage.operator.kind for stage in record.architecture.stages)


def changed(records: Sequence[TrialRecord], gain: Callable[[Kinds], float]) -> list[TrialRecord]:
    """The same trainings, with so much more accuracy for the operators of their stages."""
    return [r.model_copy(update={"accuracy": (r.accuracy or 0.0) + gain(kinds(r))}) for r in records]


def mean(records: Sequence[TrialRecord], *wanted: str) -> float:
    found = [record.accuracy or 0.0 for record in records if kinds(record) == wanted]
    return sum(found) / len(found)


def test_a_covered_table_gives_the_differences_of_its_means() -> None:
    records = changed(records_of("pairs", NULL, 9), lambda k: 0.2 * (k == ("local_attention", "pairwise")))
    found = answer_of("pairs", records)
    assert found.covered
    attention = ("local_attention", "pairwise")
    assert [pair.levels for pair in found.operator_interactions] == [(a, b) for a in attention for b in attention]
    assert found.more_for_interactions == 0
    for pair in found.operator_interactions:
        a, b = pair.levels
        by_hand = mean(records, a, b) - mean(records, a, "conv") - mean(records, "conv", b)
        assert pair.effect == pytest.approx(by_hand + mean(records, "conv", "conv"))
        assert pair.low < pair.effect < pair.high
        assert pair.n == 2
    assert [pair.levels for pair in found.operator_interactions if pair.star] == [("local_attention", "pairwise")]


def test_stages_with_one_kind_of_attention_have_nothing_to_add() -> None:
    found = answer_of("tiny", records_of("tiny", NULL, 8))
    assert len(found.interactions) == 3
    assert (found.operator_interactions, found.more_for_interactions) == ([], 0)


def test_a_small_sample_says_how_many_more_and_no_effects_say_nothing() -> None:
    # 13 effects and 9 pairs leave over a third as many designs, 8, of 30
    found = answer_of("hybrid256", records_of("hybrid256", NULL, 25))
    assert found.operator_interactions == []
    assert found.more_for_interactions == 2 * (30 - 25)
    assert answer_of("hybrid256", records_of("hybrid256", NULL, 5)).more_for_interactions is None


@pytest.mark.slow
def test_one_planted_pair_of_operators_is_found_and_no_other() -> None:
    formula = planted("synthetic:additive")
    plain = records_of("hybrid256", formula, 60)
    together = changed(plain, lambda k: 0.08 * (k[1:3] == ("augmented_conv", "local_attention")))
    found = answer_of("hybrid256", together)
    assert found.more_for_interactions == 0
    assert len(found.operator_interactions) == 9 * len(list(combinations(range(4), 2)))
    (pair,) = [pair for pair in found.operator_interactions if pair.star]
    assert pair.factors == ("stages[1].operator", "stages[2].operator")
    assert pair.levels == ("augmented_conv", "local_attention")
    assert pair.low <= 0.08 <= pair.high


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_without_any_together_stars_are_rare() -> None:
    formula = Planted(operators=planted("synthetic:additive").operators, growth=0.0)
    answers = [answer_of("hybrid256", records_of("hybrid256", formula, 40, repetition)) for repetition in range(40)]
    # two are expected; of 40 with a chance of 5 %, more than 6 in 3 of 1,000
    assert sum(any(pair.star for pair in a.operator_interactions) for a in answers) <= 6
    every = [pair for a in answers for pair in a.operator_interactions]
    # the two pairs of which one design alone was drawn are left out, and asked for
    assert len(every) == 40 * 52
    assert {a.more_for_interactions for a in answers} == {2}
    assert sum(pair.low <= 0.0 <= pair.high for pair in every) / len(every) >= 0.93
