"""Designs among which a model chooses: all of a small space, many of a large one, and neighbours."""

import math
import random
from collections.abc import Callable

import pytest
from assertions import every

from sasa_nas.models.plans import plan_network
from sasa_nas.searching.plan import SearchPlan, draw
from sasa_nas.searching.propose import candidates as module
from sasa_nas.searching.propose.candidates import Candidates
from sasa_nas.space.choosers import RecallChooser

MakePlan = Callable[..., SearchPlan]


def widths(data: dict) -> None:
    for stage in data["stages"]:
        stage["width"] = {"range": [8, 256, 8]}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Number of candidates that are drawn from a large space."""
    monkeypatch.setattr(module, "DRAWN", 20)
    return 20


def test_all_designs_of_a_small_space_are_candidates(make_plan: MakePlan) -> None:
    plan = make_plan(objectives=("accuracy", "params"))
    found = Candidates(plan)
    assert found.complete
    assert len({network.id for network in found.common}) == len(found.common) == 8
    for network in found.common:
        design = draw(plan, RecallChooser(network.choices))
        assert (network.id, network.flops) == (design.architecture.id, design.flops)
        assert network.logs == pytest.approx([len(str(design.params)) - 1], abs=1.0)


def test_candidates_are_within_the_limits(make_plan: MakePlan) -> None:
    params = sorted(network.params for network in Candidates(make_plan()).common)
    limited = make_plan(lambda data: data.update(limits={"max_params": params[4]}))
    assert (
        sorted(network.params for network in Candidates(limited).common)
        == [each for each in params if each <= params[4]]
        != params
    )


def test_those_of_a_large_space_are_drawn_once_and_for_all(make_plan: MakePlan, few: int) -> None:
    ids = [[network.id for network in Candidates(make_plan(widths, seed=seed)).common] for seed in (3, 3, 4)]
    assert len(set(ids[0])) == len(ids[0]) == few
    assert ids[0] == ids[1] != ids[2]


def test_a_space_of_many_parts_has_fewer_candidates(make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PARTS", 30)
    plan = make_plan(widths)
    found = Candidates(plan)
    parts = [part for one in found.common for stage in plan_network(one.architecture).stages for part in stage]
    assert 30 < len(set(parts)) <= 30 + len(parts) / len(found.common), "the last one is beyond"
    near = found.near([network.choices for network in found.common[:2]], random.Random(0))
    assert len(near) <= math.ceil(module.NEIGHBOURS * len(found.common) / module.DRAWN) < module.NEIGHBOURS
    # those that a limit turns down are counted, too
    least = min(network.params for network in found.common)

    def limited(data: dict) -> None:
        widths(data)
        data["limits"] = {"max_params": least}

    assert len(Candidates(make_plan(limited)).common) < len(found.common)


@pytest.mark.usefixtures("few")
def test_neighbours_differ_in_one_fork_or_two(make_plan: MakePlan) -> None:
    found = Candidates(make_plan(widths))
    parents = [network.choices for network in found.common[:2]]
    near = found.near(parents, random.Random(0))
    assert len(near) > module.NEIGHBOURS / 2
    differences = [
        [sum(parent.get(name) != answer for name, answer in network.choices.items()) for parent in parents]
        for network in near
    ]
    assert every(0 < min(each) <= 2 for each in differences)
    assert {min(each) for each in differences} == {1, 2}
    assert [n.id for n in found.near(parents, random.Random(0))] == [n.id for n in near]
