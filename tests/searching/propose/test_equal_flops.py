"""Balanced designs at equal FLOPs: each costs what convolution in its place costs, and nothing else learns of it."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from sasa_nas.analysis.pareto import pareto_front
from sasa_nas.cost import count_network
from sasa_nas.errors import UserError
from sasa_nas.operators.conv import Conv
from sasa_nas.run import Arm, Outcome, RunFolder, SearchSettings, TrialRecord, read_trials
from sasa_nas.searching import resume, search
from sasa_nas.searching.plan import Design, SearchPlan, draw, plan_designs
from sasa_nas.searching.propose.equal_flops import MOST_DEVIATION, at_equal_flops, require_equal_flops
from sasa_nas.searching.simulate.replay import replay
from sasa_nas.space import Infeasible, SearchSpace, load_space
from sasa_nas.space.choosers import RandomChooser, RecordingChooser

MakeSpace = Callable[..., SearchSpace]


def plan_of(name: str, dataset: str) -> SearchPlan:
    space = load_space(name)
    proxy = space.proxy.model_copy(update={"dataset": dataset})
    return plan_designs(space.model_copy(update={"proxy": proxy}), SearchSettings(balanced_at="flops"))


def convolution(design: Design) -> int:
    """FLOPs of the design with convolution in all stages."""
    network = design.architecture
    stages = tuple(stage.model_copy(update={"operator": Conv()}) for stage in network.stages)
    return count_network(network.model_copy(update={"stages": stages})).total.flops()


@pytest.mark.parametrize(
    ("name", "dataset"), [("tiny", "digits"), ("matching", "synthetic-images:matching"), ("hybrid256", "digits")]
)
def test_random_designs_cost_what_convolution_in_all_stages_costs(name: str, dataset: str) -> None:
    plan, generator = plan_of(name, dataset), random.Random(1)
    fitted = 0
    for _ in range(6):
        chooser = RecordingChooser(RandomChooser(generator))
        design = draw(plan, chooser)
        found = at_equal_flops(plan, design, chooser.answers)
        assert found.flops == pytest.approx(convolution(design), rel=MOST_DEVIATION)
        assert found.flops == count_network(found.architecture).total.flops()
        assert found.full_size == design.full_size
        operators = [stage.operator for stage in design.architecture.stages]
        assert [stage.operator for stage in found.architecture.stages] == operators
        fitted += found.architecture != design.architecture
    assert fitted


def test_attention_that_costs_more_at_any_width_is_passed_over(make_space: MakeSpace, tmp_path: Path) -> None:
    def edit(data: dict) -> None:
        # of a map of 32x32, the weights of attention alone cost more than all convolutions
        data["proxy"]["dataset"] = "synthetic:null"
        data["stages"][0]["stride"] = 1
        attention = {"kind": "augmented_conv", "num_heads": 2}
        data["stages"] = [stage | {"operator": attention} for stage in data["stages"]]
        data["stages"][0]["operator"] = {"choice": [{"kind": "conv"}, attention]}

    space = make_space(edit)
    plan = plan_designs(space, SearchSettings(balanced_at="flops"))
    chooser = RecordingChooser(RandomChooser(random.Random(0)))
    design = draw(plan, chooser)
    while design.architecture.stages[0].operator.kind == "conv":
        design = draw(plan, chooser)
    with pytest.raises(Infeasible, match="at no width does it cost what convolution costs"):
        at_equal_flops(plan, design, chooser.answers)


def test_a_space_of_such_attention_is_refused_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = plan_of("tiny", "synthetic:null")
    require_equal_flops(plan)
    monkeypatch.setattr("sasa_nas.searching.propose.equal_flops.MOST_DEVIATION", -1.0)
    with pytest.raises(UserError, match="only 0 of 16 random designs of 'tiny' can cost what convolution costs"):
        search(plan.space, plan.settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def of(records: list[TrialRecord], arm: Arm) -> list[TrialRecord]:
    return [record for record in records if record.arm is arm and record.outcome is Outcome.TRAINED]


def test_a_search_trains_them_in_the_place_of_balanced_ones(make_space: MakeSpace, tmp_path: Path) -> None:
    def edit(data: dict) -> None:
        data["proxy"].update(dataset="synthetic:flops", recipe={"epochs": 2})

    def searched(name: str, **settings: object) -> list[TrialRecord]:
        settings = {"trials": 10, "balanced": 0.5, "seed": 3, **settings}
        return search(make_space(edit), SearchSettings(**settings), out=tmp_path / name).records  # type: ignore[arg-type]

    plain, equal = searched("plain"), searched("equal", balanced_at="flops")
    assert of(equal, Arm.BALANCED) == []
    balanced, found = of(plain, Arm.BALANCED), of(equal, Arm.EQUAL)
    assert [(r.choices, r.seed, r.full_size) for r in found] == [(r.choices, r.seed, r.full_size) for r in balanced]
    conv = next(r for r in equal if r.architecture is not None and r.architecture.all_convolution)
    for record in found:
        assert record.flops == pytest.approx(conv.flops, rel=MOST_DEVIATION)
    assert {r.arm for r in pareto_front(equal)} == {Arm.SEARCH}
    assert resume(tmp_path / "equal").records == equal == read_trials(RunFolder(tmp_path / "equal"))


def test_a_table_has_none_of_them(tmp_path: Path) -> None:
    for settings in (SearchSettings(balanced_at="flops"), SearchSettings(widths=8)):
        with pytest.raises(UserError, match="a table holds no networks of other widths"):
            replay(tmp_path / "table.json.gz", settings)
