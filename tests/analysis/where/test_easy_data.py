"""Every training ends with the same accuracy: rounding is no signal, and the answer says that nothing differs."""

import numpy as np
import pytest
from planted_studies import normal, study, trainings

from sasa_nas.analysis.where import Interval, Where
from sasa_nas.analysis.where.words import headline


def intervals(answer: Where) -> list[Interval]:
    return [*answer.effects, *answer.stages, *answer.interactions, *answer.operator_interactions]


@pytest.mark.parametrize(("name", "designs", "pool"), [("tiny", 8, 8), ("sixteen", 16, 60), ("hybrid256", 40, 80)])
def test_equal_accuracies_have_no_effect_and_no_star(name: str, designs: int, pool: int) -> None:
    generator = np.random.default_rng(0)
    for accuracy in (1.0, 0.97, 0.9973):
        places = sorted(generator.choice(pool, designs, replace=False).tolist())
        (answer,) = study(name, trainings(name, places), lambda _: accuracy, normal(0.0), 1)  # noqa: B023
        assert answer.nothing_differs
        assert {(e.effect, e.low, e.high, e.p, e.star) for e in intervals(answer)} == {(0.0, 0.0, 0.0, 1.0, False)}
        assert headline(answer).startswith("Nothing differs: all ")
        assert f"ended at {100 * accuracy:.1f} %" in answer.note
        assert answer.more_trials == 0


def test_a_single_training_that_differs_is_told_from_rounding() -> None:
    records = trainings("tiny", 8)

    def end(_: np.random.Generator, accuracies: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(accuracies)) == 3, 0.999, accuracies)

    (answer,) = study("tiny", records, lambda _: 1.0, normal(0.0), 1, end)
    assert not answer.nothing_differs
    assert max(abs(e.effect) for e in answer.effects) == pytest.approx(0.001 / 8)
    assert [e for e in intervals(answer) if e.star] == []
