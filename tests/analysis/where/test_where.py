"""Planted effects come back, inert ones do not stand out, too little says so: accuracies straight from a formula."""

import pytest
from formula_runs import answer, answer_of, conditional_formula, conditional_truth, records_of

from sasa_nas.analysis.where.figure import plot_where, where_svg
from sasa_nas.errors import UserError
from sasa_nas.run import Arm
from sasa_nas.synthetic import Planted, planted


@pytest.mark.slow
def test_planted_effects_come_back_within_three_points_with_their_signs() -> None:
    formula = planted("synthetic:additive")
    found = answer("hybrid256", formula, 50)
    assert found.enough
    assert len(found.effects) == 12
    for effect in found.effects:
        truth = formula.operators[int(effect.factor[7]), str(effect.level)]
        assert effect.effect == pytest.approx(truth, abs=0.03)
        assert effect.low < effect.effect < effect.high
        if abs(truth) >= 0.05:
            assert effect.star
    assert [stage.stage for stage in found.stages] == [3, 2, 1, 0]
    assert sum(held(formula, e) for e in found.effects) >= 10


def held(formula: Planted, effect) -> bool:
    truth = formula.operators[int(effect.factor[7]), str(effect.level)]
    return effect.low <= truth <= effect.high


@pytest.mark.slow
def test_a_planted_interaction_is_found_and_no_other() -> None:
    found = answer("hybrid256", planted("synthetic:interaction"), 50)
    stars = [pair.factors for pair in found.interactions if pair.star]
    assert stars == [("stages[1].operator", "stages[2].operator")]
    pair = next(pair for pair in found.interactions if pair.star)
    assert pair.low <= 0.08 <= pair.high
    assert pair.levels == ("attention", "attention")
    additive = [answer("hybrid256", planted("synthetic:additive"), 50, repetition) for repetition in range(40)]
    assert sum(any(p.star for p in a.interactions) for a in additive) <= 6  # two are expected


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_null_gets_no_star() -> None:
    formula = planted("synthetic:null")
    answers = [answer("hybrid256", formula, 25, repetition) for repetition in range(100)]
    starred = sum(any(e.star for e in [*a.effects, *a.stages]) for a in answers)
    assert starred <= 10  # two families at 5 % each


@pytest.mark.slow
def test_conditional_parameters_are_told_within_their_operator() -> None:
    formula, truth = conditional_formula(), conditional_truth()
    found = answer("conditional", formula, 50)
    for effect in found.effects:
        assert effect.effect == pytest.approx(truth.get((effect.factor, effect.level), 0.0), abs=0.03)
    kernel = next(e for e in found.effects if e.factor.endswith("[2].operator.local_attention.kernel_size"))
    assert (kernel.baseline, kernel.level, kernel.star) == (3, 5, True)


def test_a_covered_space_is_judged_by_the_noise_of_training_alone() -> None:
    formula = Planted(base=0.7, operators={(1, "local_attention"): 0.05}, interactions={(0, 2): 0.1}, growth=0.0)
    found = answer("tiny", formula, 24)
    assert found.covered
    assert found.designs == 8
    effects = {e.factor: e for e in found.effects}
    assert effects["stages[1].operator"].effect == pytest.approx(0.05, abs=0.02)
    assert effects["stages[1].operator"].star
    assert [pair.factors for pair in found.interactions if pair.star] == [("stages[0].operator", "stages[2].operator")]
    assert found.training_noise == pytest.approx(0.01, rel=0.4)


def test_too_little_says_so_and_how_much_more() -> None:
    found = answer("tiny", planted("synthetic:null"), 2)
    assert (found.enough, found.effects, found.detectable) == (False, [], None)
    assert found.more_trials == 2 * (3 + 1 + 4) - 4
    assert "too few" in found.note
    noisy = answer("tiny", Planted(noise=0.2, growth=0.0), 16)
    assert not noisy.enough
    assert noisy.detectable is not None
    assert noisy.more_trials == pytest.approx(32 * ((noisy.detectable / 0.05) ** 2 - 1), abs=2)


def test_searched_trials_do_not_count() -> None:
    records = [r.model_copy(update={"arm": Arm.SEARCH}) for r in records_of("tiny", planted("synthetic:null"), 8)]
    assert answer_of("tiny", records).trainings == 0
    with pytest.raises(UserError, match="between 0 and 1"):
        answer_of("tiny", records, resolution=5.0)


def test_the_figure_is_written(tmp_path) -> None:
    found = answer("tiny", planted("synthetic:additive"), 16)
    plot_where(found, tmp_path / "where.png")
    assert (tmp_path / "where.png").stat().st_size > 10_000
    assert "<svg" in where_svg(found)
    assert "<svg" in where_svg(answer("tiny", planted("synthetic:null"), 1))
