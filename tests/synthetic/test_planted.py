"""The formula gives what is planted, and noise that design and seed fix."""

import math
import statistics

import pytest
from assertions import every

from sasa_nas.data.registry import dataset_info, dataset_names, load
from sasa_nas.errors import UserError
from sasa_nas.operators import Operator
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.operators.pairwise import Pairwise
from sasa_nas.space import Architecture, Stage
from sasa_nas.synthetic import TASKS, Planted, planted

CONV, LOCAL, PAIR = Conv(), LocalAttention(kernel_size=5, num_heads=4), Pairwise()


def network(*operators: Operator) -> Architecture:
    return Architecture(stages=tuple(Stage(operator=operator) for operator in operators))


def test_effects_sum_up() -> None:
    task = Planted(
        base=0.5,
        operators={(0, "local_attention"): 0.1, (1, "pairwise"): -0.04},
        parameters={(0, "local_attention", "kernel_size", 5): 0.01, (0, "local_attention", "kernel_size", 7): 9.0},
        interactions={(0, 1): 0.2, (1, 2): 7.0},
        per_decade=0.03,
    )
    assert task.mean(network(CONV, CONV), 10**7) == pytest.approx(0.5)
    assert task.mean(network(LOCAL, CONV), 10**8) == pytest.approx(0.5 + 0.1 + 0.01 + 0.03)
    assert task.mean(network(CONV, PAIR), 10**6) == pytest.approx(0.5 - 0.04 - 0.03)
    assert task.mean(network(LOCAL, PAIR), 10**7) == pytest.approx(0.5 + 0.11 - 0.04 + 0.2)
    assert task.mean(network(PAIR, CONV, PAIR), 10**7) == pytest.approx(0.5)


def test_noise_is_the_seeds_and_of_the_size_told() -> None:
    task = Planted(base=0.65, noise=0.01, growth=0.5)
    drawn = [task.accuracy(network(CONV), 10**7, seed) for seed in range(400)]
    assert drawn[:3] == [task.accuracy(network(CONV), 10**7, seed) for seed in range(3)]
    assert statistics.fmean(drawn) == pytest.approx(0.65, abs=4 * 0.015 / 20)
    assert statistics.stdev(drawn) == pytest.approx(0.015, rel=0.15)
    assert task.spread(0.8) == 0.01
    assert task.accuracy(network(LOCAL), 10**7, 0) != drawn[0]


def test_a_course_rises_to_the_final_accuracy() -> None:
    task = TASKS["synthetic:additive"]
    course = task.course(network(CONV, LOCAL), 10**7, 3, 9)
    assert len(course.accuracy) == len(course.train_loss) == 9
    assert course.accuracy[-1] == task.accuracy(network(CONV, LOCAL), 10**7, 3)
    assert every(b > a for a, b in zip(course.accuracy, course.accuracy[1:], strict=False))
    assert every(b < a for a, b in zip(course.train_loss, course.train_loss[1:], strict=False))
    assert every(math.isfinite(loss) for loss in course.train_loss)


def test_tasks_are_data_sets_that_hold_no_images() -> None:
    assert set(TASKS) <= set(dataset_names())
    assert dataset_info("synthetic:null").num_classes == 10
    with pytest.raises(UserError, match="is a formula that answers"):
        load("synthetic:null")
    with pytest.raises(UserError, match="did you mean 'synthetic:additive'"):
        dataset_info("synthetic:aditive")
    with pytest.raises(UserError, match="unknown synthetic task"):
        planted("synthetic:none")


@pytest.mark.parametrize("name", TASKS)
def test_no_accuracy_is_clipped(name: str) -> None:
    task = TASKS[name]
    kinds = {kind for _, kind in task.operators} | {"conv"}
    best = task.base + sum(max([0.0, *(e for (s, _), e in task.operators.items() if s == stage)]) for stage in range(4))
    best += sum(task.interactions.values()) + max([0.0, *task.parameters.values()])
    assert best + 4 * task.spread(best) < 1.0
    assert len(kinds) <= 6
