"""The balanced share's designs: in balance alone and in pairs, within limits, the same for equal plans."""

import random
from collections import Counter
from collections.abc import Callable
from itertools import combinations

import pytest

from sasa_nas.run import SearchSettings
from sasa_nas.searching.plan import SearchPlan, draw, plan_search
from sasa_nas.searching.propose.balanced import BalancedDesigns
from sasa_nas.space import load_space
from sasa_nas.space.choosers import RandomChooser, RecallChooser, RecordingChooser

MakePlan = Callable[..., SearchPlan]
OPERATORS = [f"stages[{stage}].operator" for stage in range(4)]


@pytest.fixture(scope="module")
def hybrid() -> SearchPlan:
    return plan_search(load_space("hybrid256"), SearchSettings())


def test_every_operator_comes_up_about_as_often_as_any_other(hybrid: SearchPlan) -> None:
    designs = BalancedDesigns(hybrid)
    for taken in (8, 16, 32):
        for operator in OPERATORS:
            counts = Counter(designs[i][operator] for i in range(taken))
            assert len(counts) == 4
            assert max(counts.values()) - min(counts.values()) <= 2


def test_pairs_of_operators_are_more_even_than_by_chance(hybrid: SearchPlan) -> None:
    designs = BalancedDesigns(hybrid)
    generator = random.Random(0)
    by_chance = []
    for _ in range(32):
        chooser = RecordingChooser(RandomChooser(generator))
        draw(hybrid, chooser)
        by_chance.append(chooser.answers)

    def unevenness(answers: list[dict]) -> int:
        pairs = combinations(OPERATORS, 2)
        return sum(n**2 for one, other in pairs for n in Counter((a[one], a[other]) for a in answers).values())

    even = 6 * 16 * 2**2  # six pairs of stages, sixteen pairs of operators, each twice
    assert unevenness([designs[i] for i in range(32)]) - even < (unevenness(by_chance) - even) / 4


def test_equal_plans_have_equal_lists_in_whatever_order_they_are_asked(make_plan: MakePlan) -> None:
    first, again = BalancedDesigns(make_plan(seed=3)), BalancedDesigns(make_plan(seed=3))
    assert [first[i] for i in range(6)] == [again[i] for i in reversed(range(6))][::-1]
    other = BalancedDesigns(make_plan(seed=4))
    assert [first[i] for i in range(6)] != [other[i] for i in range(6)]


def test_no_design_is_beyond_a_limit(make_plan: MakePlan) -> None:
    def edit(data: dict) -> None:
        for stage in data["stages"]:
            stage["width"] = {"range": [8, 32, 8]}
        data["limits"] = {"max_params": 6000}

    plan = make_plan(edit)
    designs = BalancedDesigns(plan)
    networks = [draw(plan, RecallChooser(designs[i])) for i in range(12)]
    assert max(network.counts.params for network in networks) <= 6000
    widths = Counter(stage.width for network in networks for stage in network.architecture.stages)
    assert len(widths) > 1


def test_ranges_are_balanced_by_sections(make_plan: MakePlan) -> None:
    def edit(data: dict) -> None:
        for stage in data["stages"]:
            stage["width"] = {"range": [8, 96, 8]}

    designs = BalancedDesigns(make_plan(edit))
    for stage in range(3):
        sections = Counter((int(designs[i][f"stages[{stage}].width"]) - 8) // 32 for i in range(12))
        assert len(sections) == 3
        assert max(sections.values()) - min(sections.values()) <= 2


def test_of_a_small_space_every_design_comes_up_before_any_comes_again(make_plan: MakePlan) -> None:
    def edit(data: dict) -> None:
        for stage in data["stages"]:
            stage["operator"] = {"choice": [{"kind": "conv"}, {"kind": "local_attention", "num_heads": 2}]}

    plan = make_plan(edit)
    designs = BalancedDesigns(plan)
    stages = len(plan.space.stages)
    drawn = [draw(plan, RecallChooser(designs[i])).architecture.id for i in range(3 * 2**stages)]
    for start in range(0, len(drawn), 2**stages):
        assert len(set(drawn[start : start + 2**stages])) == 2**stages
