"""Effects at equal FLOPs: less what the same FLOPs buy as width, and as uncertain as both trainings make them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from at_once import LEAST, REPETITIONS, Repeated
from formula_runs import answer_of, records_of, width_records
from scipy import stats

from sasa_nas import Run, SearchSettings, UserError, load_space, search
from sasa_nas.analysis.where import Where
from sasa_nas.analysis.where.exchange import LEAST_TRAININGS, Curve, curve_of
from sasa_nas.analysis.where.linear import Estimate
from sasa_nas.analysis.where.model import Model
from sasa_nas.analysis.where.sample import sample_of
from sasa_nas.analysis.where.words import headline, remarks
from sasa_nas.run import Outcome, TrialRecord
from sasa_nas.synthetic import Planted, planted

Accuracies = Callable[[np.ndarray], np.ndarray]
"""Accuracies of networks by the doublings of their FLOPs from the all-convolution network's."""


def answered(name: str, formula: Planted, designs: int, widths: int = 8) -> Where:
    return answer_of(name, records_of(name, formula, designs) + width_records(name, formula, widths))


def test_what_only_costs_more_has_an_effect_as_trained_and_none_at_equal_flops() -> None:
    found = answered("hybrid256", Planted(base=0.7, per_decade=0.15), 40)
    effects = {(e.factor, e.level): e for e in found.effects}
    spender = effects["stages[0].operator", "augmented_conv"]
    assert spender.star
    assert spender.effect == pytest.approx(0.15 * np.log10(1 + spender.extra_flops), abs=0.01)
    assert spender.at_equal_flops is not None
    assert spender.at_equal_flops.effect == pytest.approx(0.0, abs=0.02)
    assert not [e for e in found.effects if e.at_equal_flops is None or e.at_equal_flops.star]
    assert found.exchange is not None
    rate = found.exchange.per_doubling
    assert rate.low <= 0.15 * np.log10(2) <= rate.high
    assert headline(found).startswith("At equal FLOPs, attention helps ")
    assert "which chance could have done as well" in headline(found)


def test_an_effect_beside_flops_comes_back_with_its_size_and_as_the_first() -> None:
    found = answered("hybrid256", planted("synthetic:flops"), 40)
    effects = {(e.factor, e.level): e for e in found.effects}
    true = effects["stages[2].operator", "local_attention"]
    assert true.at_equal_flops is not None
    assert true.at_equal_flops.star
    assert true.at_equal_flops.low <= 0.08 <= true.at_equal_flops.high
    assert [key for key, e in effects.items() if e.at_equal_flops and e.at_equal_flops.star] == [
        ("stages[2].operator", "local_attention")
    ]
    assert (found.stages[0].stage, found.best) == (2, [2])
    assert headline(found).startswith("At equal FLOPs, attention helps most in stage 3: +")


@pytest.mark.parametrize("effect", [0.1, -0.1])
def test_one_stage_that_decides_flops_leaves_the_other_its_sign(effect: float) -> None:
    # the regression on log FLOPs gives the first stage, of no effect, the opposite of the second's
    formula = Planted(base=0.5, operators={(1, "local_attention"): effect}, growth=0.0)
    found = answered("matching", formula, 8)
    assert found.covered
    first, second = found.effects
    assert second.extra_flops > 5 * first.extra_flops > 0.3
    assert first.at_equal_flops is not None
    assert second.at_equal_flops is not None
    assert first.at_equal_flops.low <= 0.0 <= first.at_equal_flops.high
    assert abs(first.at_equal_flops.effect) < 0.02
    assert second.at_equal_flops.low <= effect <= second.at_equal_flops.high
    assert second.at_equal_flops.star


def curve(records: list[TrialRecord]) -> Curve:
    found = curve_of(records)
    assert found is not None
    return found


def at_once(
    runs: Repeated, records: list[TrialRecord], observed: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Value, standard error and degrees of freedom of each effect at equal FLOPs, in all runs.

    Args:
        runs: Of the balanced designs.
        records: Trainings of the all-convolution network.
        observed: (N, R), what they reach in each run.
    """
    drawn = curve(records)
    columns = np.hstack([np.ones((len(records), 1)), drawn.powers(np.array([float(r.flops or 0) for r in records]))])
    powers = drawn.powers(1e9 * runs.sample.flops)
    beyond = runs.observed - powers @ (np.linalg.pinv(columns)[1:] @ observed)
    found = []
    for contrast in Model(runs.sample).contrasts:
        bought = (contrast.weights @ powers) @ np.linalg.pinv(columns)[1:]
        own, own_df = variance(contrast.noise._maker, contrast.weights, beyond)
        its, its_df = variance(np.eye(len(columns)) - columns @ np.linalg.pinv(columns), bought, observed)
        df = (own + its) ** 2 / (own**2 / own_df + its**2 / its_df)
        found.append((contrast.weights @ beyond, np.sqrt(own + its), df))
    return found


def variance(maker: np.ndarray, weights: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, float]:
    """HC2 variance of a weighted sum, with Bell and McCaffrey's degrees of freedom."""
    shares = weights**2 / np.diag(maker)
    df = (shares @ np.diag(maker)) ** 2 / (shares @ maker**2 @ shares)
    return shares @ (maker @ observed) ** 2, float(df)


def repeated(
    name: str, designs: int, widths: int, accuracy: Accuracies, *, growth: float = 0.0
) -> tuple[Repeated, list[TrialRecord], np.ndarray]:
    """Runs of accuracies that FLOPs alone decide, with a noise of one point; `growth` times that for each doubling."""
    records, wide = records_of(name, Planted(), designs), width_records(name, Planted(), widths)
    sample = sample_of(records, 10**6)
    centre = np.log2([float(r.flops or 0) for r in wide]).mean()
    generator = np.random.default_rng(3)

    def drawn(flops: np.ndarray, trainings: int) -> np.ndarray:
        doublings = np.log2(flops) - centre
        noise = generator.normal(size=(REPETITIONS, len(flops))) * 0.01 * (1.0 + growth) ** doublings
        return (accuracy(doublings) + noise / np.sqrt(trainings)).T

    observed = drawn(np.array([float(r.flops or 0) for r in wide]), 1)
    return Repeated(sample, drawn(1e9 * sample.flops, 2)), wide, observed


def test_runs_solved_at_once_are_those_of_the_model() -> None:
    runs, wide, observed = repeated("hybrid256", 25, 8, lambda x: 0.7 + 0.03 * x)
    effects = at_once(runs, wide, observed)
    for run in (0, 77, 1999):
        ended = [r.model_copy(update={"accuracy": a}) for r, a in zip(wide, observed[:, run], strict=True)]
        sample = replace(runs.sample, accuracy=runs.observed[:, run])
        found = [(c.effect.value, c.effect.error, c.effect.df) for c in Model(sample, None, curve(ended)).contrasts]
        assert found == [pytest.approx((value[run], error[run], df[run])) for value, error, df in effects]
        # it is the effect as trained, less the slope times the difference
        raw = Model(sample).contrasts
        powers = curve(ended).powers(1e9 * sample.flops)
        less = [c.effect.value - float(curve(ended).bought(c.weights @ powers).value) for c in raw]
        assert [value for value, *_ in found] == pytest.approx(less)


@pytest.mark.parametrize(
    ("name", "designs", "widths", "accuracy", "growth"),
    [
        ("hybrid256", 25, 7, lambda x: 0.7 + 0.03 * x, 0.0),
        ("hybrid256", 25, 8, lambda x: 0.7 + 0.03 * x, 0.3),
        ("hybrid256", 25, 8, lambda x: 0.75 - 0.05 * np.exp2(-0.8 * x), 0.0),  # levels off
        ("sixteen", 12, 8, lambda x: 0.7 + 0.03 * x - 0.01 * x**2, 0.0),
    ],
)
def test_intervals_hold_nothing_where_flops_are_all(
    name: str, designs: int, widths: int, accuracy: Accuracies, growth: float
) -> None:
    effects = at_once(*repeated(name, designs, widths, accuracy, growth=growth))
    held = [np.mean(np.abs(value) <= stats.t.ppf(0.975, df) * error) for value, error, df in effects]
    assert len(held) == (12 if name == "hybrid256" else 4)
    assert min(held) >= LEAST


def test_a_curve_takes_seven_trainings_of_three_widths_that_ended() -> None:
    wide = width_records("tiny", Planted(), 9)
    assert curve_of(wide[: LEAST_TRAININGS - 1]) is None
    assert curve_of(wide[:LEAST_TRAININGS]) is not None
    diverged = [r.model_copy(update={"outcome": Outcome.DIVERGED, "accuracy": None}) for r in wide[:3]]
    assert curve_of([*diverged, *wide[3:]]) is None
    assert curve_of([r for r in wide * 4 if r.width_multiplier in (0.5, 2.0)]) is None
    assert len(curve([r for r in wide * 4 if r.width_multiplier != 2.0]).records) == 28


def test_what_width_buys_is_told_as_it_is() -> None:
    def told(per_decade: float) -> str:
        return remarks(answered("tiny", Planted(base=0.6, per_decade=per_decade, growth=0.0), 8, 16))[0]

    assert told(0.2).startswith("Doubled FLOPs buy +")
    assert told(0.2).endswith("by 16 trainings of the all-convolution network at 4 widths.")
    assert told(0.0).endswith(": whether width helps at all cannot be told.")
    assert told(-0.2).endswith(": width harms here, and what costs more is credited for that.")


def test_designs_that_cost_more_than_all_widths_are_told() -> None:
    formula = Planted(base=0.6, growth=0.0)
    wide = [r.model_copy(update={"flops": (r.flops or 0) // 10}) for r in width_records("tiny", formula, 8)]
    (rate, *_) = remarks(answer_of("tiny", records_of("tiny", formula, 8) + wide))
    assert rate.endswith(" 100 % of the balanced designs cost more or less than any of these.")


def searched_at_equal_flops(space: str, trials: int, out: Path) -> Run:
    """A search whose accuracies grow by 15 points with ten times the FLOPs, all of it in balance."""
    wanted = load_space(space)
    proxy = wanted.proxy.model_copy(update={"dataset": "synthetic:flops"})
    settings = SearchSettings(trials=trials, balanced=1.0, balanced_at="flops")
    return search(wanted.model_copy(update={"proxy": proxy}), settings, out=out)


def test_designs_at_equal_flops_tell_effects_at_equal_flops_as_trained(tmp_path: Path) -> None:
    run = searched_at_equal_flops("tiny", 16, tmp_path / "run")
    found = run.where()
    assert found.equal_flops
    assert (found.exchange, found.more_widths, found.score) == (None, 0, None)
    assert headline(found).startswith(
        "At equal FLOPs, each design widened or thinned to what convolution costs, attention helps most in stage 3: +"
    )
    for effect in found.effects:
        truth = 0.08 if effect.factor.startswith("stages[2]") else 0.0
        assert effect.low <= truth <= effect.high
        assert effect.star == (truth > 0)
        assert abs(effect.extra_flops) < 0.01
    assert run.pareto().front == []
    with pytest.raises(UserError, match="scores are of the space's designs"):
        run.where(scores=lambda network: 0.0)


def test_without_the_curve_the_answer_says_how_many_trainings_would_tell() -> None:
    formula = Planted(base=0.6)
    assert answered("tiny", formula, 8, 0).more_widths == 8
    few = answered("tiny", formula, 8, 5)
    assert (few.exchange, few.more_widths, few.effects[0].at_equal_flops) == (None, 3, None)
    assert answered("tiny", formula, 8, 8).more_widths == 0


def test_errors_of_independent_estimates_add_up() -> None:
    one, two = Estimate(0.3, 0.03, 12.0), Estimate(0.1, 0.04, 5.0)
    both = one.with_error_of(two)
    assert (both.value, both.error) == (0.3, pytest.approx(0.05))
    assert both.df == pytest.approx(0.05**4 / (0.03**4 / 12 + 0.04**4 / 5))
    assert one.with_error_of(Estimate(0.0, 0.0, 5.0)) == one
