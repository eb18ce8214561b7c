"""Runs as bad as they come: operators seen once, one design alone, one seed, noise that is anything but normal."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from formula_runs import designs_of
from studies import Kinds, coverage, kinds_of, normal, operators, starred, study, trainings, truths

LOCAL = "local_attention"
EVERY = list(product(("conv", LOCAL), repeat=4))
FOURFOLD = list(product(("conv", LOCAL, "augmented_conv", "pairwise"), repeat=4))


def mean(kinds: Kinds) -> float:
    return 0.7 + 0.03 * (kinds[3] == LOCAL)


def test_an_operator_seen_once_is_not_told_and_named() -> None:
    kinds = [kinds_of(record) for record in trainings("hybrid256", 60, 1)]
    once = next(place for place, one in enumerate(kinds) if one[1] == "pairwise")
    places = [place for place, one in enumerate(kinds) if one[1] != "pairwise" or place == once]
    (answer,) = study("hybrid256", trainings("hybrid256", places), mean, normal(0.01), 1)
    assert ("stages[1].operator", "pairwise") not in {(e.factor, e.level) for e in answer.effects}
    assert answer.not_told == ["stages[1].operator=pairwise"]
    assert len(operators(answer)) == 11


def test_a_stage_that_never_changes_has_no_effect() -> None:
    kinds = [kinds_of(record) for record in trainings("sixteen", 60, 1)]
    places = [place for place, one in enumerate(kinds) if one[0] == "conv"]
    (answer,) = study("sixteen", trainings("sixteen", places), mean, normal(0.01), 1)
    assert [stage.stage for stage in answer.stages][0] == 3
    assert 0 not in {stage.stage for stage in answer.stages}
    assert answer.not_told == ["stages[0].operator=local_attention"]


def test_one_design_again_and_again_is_too_little() -> None:
    (answer,) = study("sixteen", trainings("sixteen", [0] * 40), mean, normal(0.01), 1)
    assert (answer.designs, answer.trainings, answer.effects, answer.enough) == (1, 80, [], False)
    assert answer.training_noise == pytest.approx(0.01, rel=0.3)


def test_no_training_or_only_failed_ones_is_too_little() -> None:
    assert study("sixteen", [], mean, normal(0.01), 1)[0].effects == []
    (answer,) = study("sixteen", trainings("sixteen", 6), mean, lambda _, count: np.full(count, np.nan), 1)
    assert (answer.trainings, answer.effects) == (0, [])
    assert sum(one.failed for one in answer.failures if one.stage == 0) == 12


def test_a_single_seed_of_each_design_tells_effects_and_no_noise_of_training() -> None:
    (answer,) = study("hybrid256", trainings("hybrid256", 40, 1), mean, normal(0.01), 1)
    assert answer.training_noise is None
    assert len(operators(answer)) == 12
    assert coverage([answer], truths(FOURFOLD, mean)) >= 0.8


def opposite(generator: np.random.Generator, count: int) -> np.ndarray:
    """The two trainings of a design deviate in opposite directions."""
    one = generator.normal(size=count // 2)
    other = -0.8 * one + 0.6 * generator.normal(size=count // 2)
    return 0.01 * np.column_stack([one, other]).ravel()


def shared(generator: np.random.Generator, count: int) -> np.ndarray:
    """The two trainings of a design deviate in the same direction."""
    return np.repeat(0.01 * generator.normal(size=count // 2), 2) + 0.002 * generator.normal(size=count)


def heavy(generator: np.random.Generator, count: int) -> np.ndarray:
    return 0.01 * generator.standard_t(2, count)


def skewed(generator: np.random.Generator, count: int) -> np.ndarray:
    return -0.01 * generator.exponential(size=count)


def drifting(generator: np.random.Generator, count: int) -> np.ndarray:
    """Later trainings are six points worse than the first, as on a machine that is upgraded amid a run."""
    return 0.01 * generator.normal(size=count) - 0.06 * np.linspace(0, 1, count)


def whole_numbers(generator: np.random.Generator, count: int) -> np.ndarray:
    """A validation split of 100 images."""
    return np.round(0.01 * generator.normal(size=count), 2)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [opposite, shared, heavy, skewed, drifting, whole_numbers])
def test_intervals_hold_whatever_the_noise(noise: Callable[[np.random.Generator, int], np.ndarray]) -> None:
    answers = study("hybrid256", trainings("hybrid256", 24), mean, noise, 30)
    # .95 of 360 intervals; .91 is three and a half standard errors below
    assert coverage(answers, truths(FOURFOLD, mean)) >= 0.91
    assert starred(study("hybrid256", trainings("hybrid256", 24), lambda _: 0.7, noise, 30)) <= 0.2


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("noise", [opposite, shared, heavy, skewed, drifting, whole_numbers])
def test_intervals_hold_whatever_the_noise_in_240_runs(
    noise: Callable[[np.random.Generator, int], np.ndarray],
) -> None:
    answers = study("hybrid256", trainings("hybrid256", 24), mean, noise, 240)
    assert coverage(answers, truths(FOURFOLD, mean)) >= 0.93
    assert starred(study("hybrid256", trainings("hybrid256", 24), lambda _: 0.7, noise, 240)) <= 0.1


@pytest.mark.slow
def test_a_whole_space_with_noise_that_trainings_of_a_design_share_in_opposite_directions() -> None:
    ids = [design.architecture.id for design in designs_of("sixteen", 60)]
    places = [ids.index(one) for one in dict.fromkeys(ids)]
    answers = study("sixteen", trainings("sixteen", places), mean, opposite, 60)
    assert coverage(answers, truths(EVERY, mean)) >= 0.93
