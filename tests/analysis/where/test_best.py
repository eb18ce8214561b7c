"""The stage called best: others that may be it are named, and the truly best one is among them."""

import numpy as np
import pytest
from planted_studies import Kinds, normal, study, trainings

from sasa_nas.analysis.where import Where
from sasa_nas.analysis.where.best import best_stages
from sasa_nas.analysis.where.linear import Noise
from sasa_nas.analysis.where.words import headline


def groups() -> tuple[np.ndarray, dict[int, tuple[np.ndarray, np.ndarray]]]:
    """Four groups of ten observations, and the weights of each one's mean, without a further sample."""
    group = np.repeat(np.arange(4), 10)
    columns = (group[:, None] == np.arange(4)).astype(float)
    return columns, {stage: (columns[:, stage] / 10, np.zeros(1)) for stage in range(4)}


def test_of_repeated_means_the_best_is_left_out_as_rarely_as_said() -> None:
    columns, weights = groups()
    generator = np.random.default_rng(0)
    missed = named = 0
    for _ in range(500):
        observed = columns @ [0.0, 1.0, 1.4, 3.0] + generator.normal(size=40)
        best = best_stages(weights, Noise(observed, columns).estimate)
        missed += 3 not in best
        named += best == [3]
    assert missed == 0
    assert named > 400
    null = [best_stages(weights, Noise(generator.normal(size=40), columns).estimate) for _ in range(500)]
    # 5 % at most, whichever of them is called the best; four standard errors above
    assert sum(0 not in best for best in null) <= 0.09 * 500


def test_equal_means_are_all_best_and_exact_ones_are_told_apart() -> None:
    columns, weights = groups()
    assert sorted(best_stages(weights, Noise(np.ones(40), columns).estimate)) == [0, 1, 2, 3]
    assert best_stages(weights, Noise(columns @ [0.1, 0.2, 0.4, 0.3], columns).estimate) == [2]
    assert best_stages({}, Noise(np.ones(4), np.ones((4, 1))).estimate) == []


def attends(kinds: Kinds, stage: int) -> bool:
    return kinds[stage] != "conv"


def close(kinds: Kinds) -> float:
    return 0.7 + 0.02 * attends(kinds, 1) + 0.025 * attends(kinds, 3)


def near_the_ceiling(kinds: Kinds) -> float:
    gains = (0.4, 0.5, 0.8, 1.0)
    return 1.0 - 0.02 * float(np.exp(-sum(gain * attends(kinds, stage) for stage, gain in enumerate(gains))))


@pytest.mark.slow
@pytest.mark.parametrize(("mean", "deviation"), [(close, 0.01), (near_the_ceiling, 0.004)])
def test_the_wrong_stage_is_never_named_alone(mean, deviation: float) -> None:
    answers = study("hybrid256", trainings("hybrid256", 24), mean, normal(deviation), 30)
    assert sum(answer.stages[0].stage != 3 for answer in answers) > 2, "there is something to be careful about"
    assert sum(3 not in answer.best for answer in answers) <= 2


def told(best: list[int]) -> str:
    (answer,) = study(
        "sixteen", trainings("sixteen", 24), lambda kinds: 0.7 + 0.08 * attends(kinds, 3), normal(0.01), 1
    )
    assert (answer.best, answer.stages[0].stage) == ([3], 3)
    return headline(answer.model_copy(update={"best": best}))


def test_the_sentence_names_them() -> None:
    assert told([3]).endswith("points of accuracy.")
    assert told([3, 1]).endswith(" points of accuracy. Stage 2 cannot be told from it.")
    assert told([3, 2, 0]).endswith(" points of accuracy. Stages 1 and 3 cannot be told from it.")
    assert told([3, 2, 0, 1]).endswith(" points of accuracy. Which stage comes first cannot be told.")


def test_a_run_of_too_little_names_none() -> None:
    answer: Where = study("tiny", trainings("tiny", 1), close_of_three, normal(0.01), 1)[0]
    assert (answer.best, answer.stages) == ([], [])


def close_of_three(kinds: Kinds) -> float:
    return 0.7 + 0.02 * attends(kinds, 1)
