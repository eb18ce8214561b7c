"""Whole searches of 200 trials, answered by formulas: `where` finds what is planted in them, and nothing else."""

from pathlib import Path

import pytest
from formula_runs import MADE

from sasa_nas import SearchSettings, load_space, search
from sasa_nas.analysis.where import Where
from sasa_nas.surrogate.factors import Level
from sasa_nas.synthetic import planted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
CLOSE = 0.03
Planting = dict[tuple[str, Level], float]


def searched(task: str, space_name: str, out: Path) -> Where:
    """With the balanced share that a search has unless it is told otherwise."""
    space = MADE[space_name]() if space_name in MADE else load_space(space_name)
    proxy = space.proxy.model_copy(update={"dataset": f"synthetic:{task}"})
    run = search(space.model_copy(update={"proxy": proxy}), SearchSettings(trials=200, sampler="random"), out=out)
    answer = run.where()
    assert answer.trainings == 50
    return answer


def planting(task: str, stages: int) -> Planting:
    """What a task plants in operators."""
    operators = planted(f"synthetic:{task}").operators
    return {(f"stages[{i}].operator", kind): effect for (i, kind), effect in operators.items() if i < stages}


def assert_found(answer: Where, truth: Planting) -> None:
    """Every effect is close to what is planted, and what is planted large has a star and the right sign."""
    for effect in answer.effects:
        expected = truth.get((effect.factor, effect.level), 0.0)
        assert effect.effect == pytest.approx(expected, abs=CLOSE), (effect.factor, effect.level)
        if abs(expected) >= 0.05:
            assert effect.star, (effect.factor, effect.level)


def test_additive_effects_are_found(tmp_path: Path) -> None:
    answer = searched("additive", "hybrid256", tmp_path / "run")
    assert len(answer.effects) == 12
    assert_found(answer, planting("additive", 4))
    assert [stage.stage for stage in answer.stages] == [3, 2, 1, 0]
    assert [pair for pair in answer.interactions if pair.star] == []


@pytest.mark.night
def test_effects_within_an_operator_are_found(tmp_path: Path) -> None:
    answer = searched("conditional", "conditional", tmp_path / "run")
    window = "stages[2].operator.local_attention.kernel_size"
    truth = planting("conditional", 3) | {(window, 5): 0.04, (window, 7): 0.08}
    truth["stages[2].operator", "local_attention"] += 0.04  # the mean over its windows
    assert {("stages[2].operator", "local_attention"), (window, 5), (window, 7)} <= {
        (effect.factor, effect.level) for effect in answer.effects
    }
    assert_found(answer, truth)


def test_a_planted_interaction_is_found(tmp_path: Path) -> None:
    answer = searched("interaction", "hybrid256", tmp_path / "run")
    truth = planting("interaction", 4)
    for factor, level in truth:
        if factor in ("stages[1].operator", "stages[2].operator"):
            truth[factor, level] += 0.08 * 3 / 4  # three of the other stage's four operators attend
    for effect in answer.effects:
        assert effect.effect == pytest.approx(truth[effect.factor, effect.level], abs=CLOSE)
    (pair,) = [pair for pair in answer.interactions if pair.star]
    assert pair.factors == ("stages[1].operator", "stages[2].operator")
    assert pair.effect == pytest.approx(0.08, abs=CLOSE)


def test_where_nothing_is_planted_nothing_is_found(tmp_path: Path) -> None:
    answer = searched("null", "hybrid256", tmp_path / "run")
    assert_found(answer, {})
    told = [*answer.effects, *answer.stages, *answer.interactions, *answer.operator_interactions]
    assert [found for found in told if found.star] == []
