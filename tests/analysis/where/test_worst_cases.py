"""Runs as bad as they come: operators seen once, one design alone, one seed, noise that is anything but normal."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from at_once import LEAST, REPETITIONS, effects, of_trainings
from planted_studies import Kinds, coverage, kinds_of, normal, operators, study, trainings, truths

from sasa_nas.analysis.where.linear import holm

LOCAL = "local_attention"
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
    assert answer.stages[0].stage == 3
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


Noise = Callable[[np.random.Generator, int], np.ndarray]
"""Draws the deviations of so many trainings, two of each design, in `REPETITIONS` runs, in hundredths."""


def drawn(generator: np.random.Generator, count: int) -> np.ndarray:
    return generator.normal(size=(count, REPETITIONS))


def opposite(generator: np.random.Generator, count: int) -> np.ndarray:
    """The two trainings of a design deviate in opposite directions."""
    one = drawn(generator, count // 2)
    return np.stack([one, -0.8 * one + 0.6 * drawn(generator, count // 2)], axis=1).reshape(count, -1)


def shared(generator: np.random.Generator, count: int) -> np.ndarray:
    """The two trainings of a design deviate in the same direction."""
    return np.repeat(drawn(generator, count // 2), 2, axis=0) + 0.2 * drawn(generator, count)


def heavy(generator: np.random.Generator, count: int) -> np.ndarray:
    return generator.standard_t(2, (count, REPETITIONS))


def skewed(generator: np.random.Generator, count: int) -> np.ndarray:
    return -generator.exponential(size=(count, REPETITIONS))


def drifting(generator: np.random.Generator, count: int) -> np.ndarray:
    """Later trainings are six points worse than the first, as on a machine that is upgraded amid a run."""
    return drawn(generator, count) - 6.0 * np.linspace(0, 1, count)[:, None]


def rounded(generator: np.random.Generator, count: int) -> np.ndarray:
    """Of a validation split of 100 images."""
    return np.round(drawn(generator, count))


def unequal(generator: np.random.Generator, count: int) -> np.ndarray:
    """Every third design is ten times as noisy as the others."""
    return drawn(generator, count) * np.where(np.arange(count) // 2 % 3, 1.0, 10.0)[:, None]


@pytest.mark.parametrize("noise", [opposite, shared, heavy, skewed, drifting, rounded, unequal])
def test_intervals_hold_whatever_the_noise(noise: Noise) -> None:
    records = trainings("hybrid256", 24)
    means = np.array([mean(kinds_of(record)) for record in records])
    truth = truths(FOURFOLD, mean)
    runs = of_trainings(records, means[:, None] + 0.01 * noise(np.random.default_rng(3), len(records)))
    names = [(contrast.factor.name, str(contrast.level)) for contrast in runs.model(0).contrasts]
    raw = effects(runs)
    assert min(one.hold(truth[name]) for name, one in zip(names, raw, strict=True)) / REPETITIONS >= LEAST
    inert = [one.chances for name, one in zip(names, raw, strict=True) if not truth[name]]
    starred = sum(min(holm(list(run))) < 0.05 for run in np.array(inert).T)
    assert starred / REPETITIONS <= 0.065
