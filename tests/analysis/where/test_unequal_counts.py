"""A run that holds every design of a small space, some more often than others: each weighs the same in an effect."""

from itertools import product

import pytest
from assertions import every
from formula_runs import designs_of
from planted_studies import Kinds, coverage, half_width, kinds_of, normal, study, trainings, truths

from sasa_nas.analysis.where import Where
from sasa_nas.run import TrialRecord

LOCAL = "local_attention"
EVERY = list(product(("conv", LOCAL), repeat=4))


def mean(kinds: Kinds) -> float:
    """Attention in the first two stages gains ten points more together, in the last two it costs six."""
    one, two, three, four = (kind == LOCAL for kind in kinds)
    return 0.7 + 0.04 * one + 0.1 * (one and two) - 0.06 * (three and four)


def every_design(count: dict[bool, int]) -> list[TrialRecord]:
    """All 16 designs: so many trainings of those with attention in the first two stages, so many of the others."""
    ids = [design.architecture.id for design in designs_of("sixteen", 60)]
    places = [ids.index(one) for one in dict.fromkeys(ids)]
    assert len(places) == 16
    both = [kinds_of(record)[:2] == (LOCAL, LOCAL) for record in trainings("sixteen", places, 1)]
    return trainings("sixteen", places, [count[one] for one in both])


def interactions_held(answers: list[Where]) -> float:
    planted = {(0, 1): 0.1, (2, 3): -0.06}
    held = [
        pair.low <= planted.get((int(pair.factors[0][7]), int(pair.factors[1][7])), 0.0) <= pair.high
        for answer in answers
        for pair in answer.interactions
    ]
    return sum(held) / len(held)


@pytest.mark.slow
@pytest.mark.parametrize("count", [{True: 6, False: 2}, {True: 1, False: 2}])
def test_effects_are_those_of_designs_however_often_each_was_trained(count: dict[bool, int]) -> None:
    answers = study("sixteen", every_design(count), mean, normal(0.01), 60)
    assert every(answer.covered for answer in answers)
    # exact ones hold in .95 of 240 and of 360: with a chance of 1 in 1,000 in less
    assert coverage(answers, truths(EVERY, mean)) >= 0.9
    assert interactions_held(answers) >= 0.9
    # the noise of training alone: 1 point over 32 or more trainings, not the ten points of the interactions
    assert half_width(answers) < 0.01


def test_too_few_repeated_designs_leave_the_noise_to_the_designs() -> None:
    records = every_design({True: 1, False: 1})
    (answer,) = study("sixteen", [*records, *records[:3]], mean, normal(0.01), 1)
    assert not answer.covered
    assert half_width([answer]) > 0.01
