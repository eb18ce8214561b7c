"""Of 2,000 repetitions of a run, 95 % intervals hold what is planted in as many as they say, parameter by parameter.

All are solved at once; that this is what the model says of each is tested, too.
"""

from dataclasses import replace

import numpy as np
import pytest
from at_once import LEAST, REPETITIONS, Estimates, effects, repeated
from formula_runs import conditional_formula, conditional_truth

from sasa_nas.analysis.where.linear import Estimate, holm
from sasa_nas.synthetic import planted


def assert_same(estimates: list[Estimates], run: int, expected: list[Estimate | None]) -> None:
    found = [(one.values[run], one.errors[run], one.df) for one in estimates]
    assert found == [pytest.approx((one.value, one.error, one.df)) for one in expected if one is not None]


@pytest.mark.parametrize(("name", "designs"), [("hybrid256", 25), ("conditional", 50)])
def test_runs_solved_at_once_are_those_of_the_model(name: str, designs: int) -> None:
    runs = repeated(name, conditional_formula(), designs)
    raw = effects(runs)
    for run in (0, 1, 77, 1999):
        contrasts = runs.model(run).contrasts
        assert len(contrasts) == 12
        assert_same(raw, run, [contrast.effect for contrast in contrasts])
        chances = [contrast.effect.p for contrast in contrasts]
        assert [one.chances[run] for one in raw] == pytest.approx(chances)
        held = [contrast.effect.low <= 0.01 <= contrast.effect.high for contrast in contrasts]
        alone = [replace(one, values=one.values[[run]], errors=one.errors[[run]]) for one in raw]
        assert [bool(one.hold(0.01)) for one in alone] == held


def test_intervals_of_a_null_hold_zero_and_stars_are_as_rare_as_they_say() -> None:
    raw = effects(repeated("hybrid256", planted("synthetic:null"), 25))
    assert len(raw) == 12
    assert min(one.hold(0.0) for one in raw) / REPETITIONS >= LEAST
    chances = np.array([one.chances for one in raw])
    starred = sum(min(holm(list(run))) < 0.05 for run in chances.T)
    assert starred / REPETITIONS <= 0.065  # four standard errors above .05


def test_intervals_hold_beside_what_is_planted_and_within_operators() -> None:
    runs, truth = repeated("conditional", conditional_formula(), 50), conditional_truth()
    names = [(contrast.factor.name, contrast.level) for contrast in runs.model(0).contrasts]
    raw = effects(runs)
    assert len(raw) == 12
    inert = {factor for factor, _ in set(names) - truth.keys()}
    assert inert >= {"stages[2].operator.local_attention.num_heads", "stages[1].operator"}
    held = [one.hold(truth.get(name, 0.0)) for name, one in zip(names, raw, strict=True)]
    assert min(held) / REPETITIONS >= LEAST
