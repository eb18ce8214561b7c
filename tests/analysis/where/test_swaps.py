"""Effects in place, by hand: pairs of a network and its twin, at equal seeds."""

import pytest
from scipy import stats

from sasa_nas.analysis.where.swaps import swap_effects
from sasa_nas.run import Arm, Outcome, TrialRecord


@pytest.fixture
def swap(make_record):
    """Makes a trained swap: of which trial, which stage (None: whole), the network's pattern, seed, accuracy."""
    numbers = iter(range(100, 200))

    def make(of: int, stage: int | None, pattern: str, seed: int, accuracy: float, **more) -> TrialRecord:
        record = make_record(next(numbers), accuracy, 1000, pattern=pattern, design=0)
        return record.model_copy(update={"arm": Arm.SWAP, "swap_of": of, "swapped_stage": stage, "seed": seed, **more})

    return make


def test_the_effect_is_the_mean_difference_with_students_interval(swap) -> None:
    records = [
        swap(1, None, "LLC", 7, 0.80), swap(1, 0, "CLC", 7, 0.82), swap(1, 1, "LCC", 7, 0.70),
        swap(2, None, "CLL", 7, 0.90), swap(2, 1, "CCL", 7, 0.84), swap(2, 2, "CLC", 8, 0.10),
        swap(3, None, "CLC", 7, 0.60), swap(3, 1, "CCC", 7, 0.58),
    ]  # fmt: skip
    first, second = swap_effects(records)
    assert (first.stage, first.pairs, first.networks, first.low) == (0, 1, [1], None)
    assert first.effect == pytest.approx(-0.02)
    assert (second.stage, second.pairs, second.networks) == (1, 3, [1, 2, 3])
    assert second.operators == ["local_attention"]
    assert second.effect == pytest.approx(0.06)
    interval = stats.t.interval(0.95, 2, loc=0.06, scale=stats.sem([0.10, 0.06, 0.02]))
    assert (second.low, second.high) == pytest.approx(interval)


def test_seeds_of_one_network_are_no_further_networks(swap) -> None:
    one = [
        swap(1, None, "LC", seed, 0.8 + gain)
        for seed, gain in ((7, 0.01), (8, 0.03))
    ] + [swap(1, 0, "CC", seed, 0.7) for seed in (7, 8)]  # fmt: skip
    (alone,) = swap_effects(one)
    assert alone.pairs == 2
    interval = stats.t.interval(0.95, 1, loc=0.12, scale=stats.sem([0.11, 0.13]))
    assert (alone.low, alone.high) == pytest.approx(interval)
    other = [swap(2, None, "LL", 7, 0.8), swap(2, 0, "CL", 7, 0.78)]
    both = next(e for e in swap_effects([*one, *other]) if e.stage == 0)
    assert both.effect == pytest.approx((0.12 + 0.02) / 2)
    assert (both.low, both.high) == pytest.approx(stats.t.interval(0.95, 1, loc=0.07, scale=stats.sem([0.12, 0.02])))


def test_an_equal_training_stands_for_one_that_was_not_repeated(swap, make_record) -> None:
    whole, other = swap(1, None, "LL", 7, 0.9), swap(2, None, "LC", 7, 0.6)
    copy = swap(1, 1, "LC", 7, 0.0).model_copy(
        update={"outcome": Outcome.DUPLICATE, "accuracy": None, "duplicate_of": other.number}
    )
    (effect,) = swap_effects([whole, other, copy])
    assert (effect.stage, effect.effect) == (1, pytest.approx(0.3))
    failed = other.model_copy(update={"outcome": Outcome.DIVERGED, "accuracy": None})
    assert swap_effects([whole, failed, copy]) == []
    assert swap_effects([make_record(0, 0.5, 1000)]) == []


def test_a_pair_that_two_trials_asked_for_counts_once(swap) -> None:
    records = [swap(of, stage, p, 7, a) for of in (1, 2) for stage, p, a in ((None, "LC", 0.8), (0, "CC", 0.7))]
    (effect,) = swap_effects(records)
    assert effect.pairs == 1
