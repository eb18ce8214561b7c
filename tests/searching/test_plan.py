import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from sasa_nas.cost import count_network
from sasa_nas.errors import UserError
from sasa_nas.run import RunFolder, SearchSettings, read_info
from sasa_nas.searching.new_run import make_folder
from sasa_nas.searching.plan import OverLimit, SearchPlan, draw, dry_run, find_new, plan_designs
from sasa_nas.searching.worker.data_cache import DataCache
from sasa_nas.space import Infeasible, SearchSpace
from sasa_nas.space.choosers import RandomChooser

MakePlan = Callable[..., SearchPlan]


def test_a_design_is_made_for_the_data_set_and_counted(make_plan: MakePlan) -> None:
    design = draw(make_plan(), RandomChooser(random.Random(0)))
    image = design.architecture.image
    assert (image.channels, image.height, image.width) == (1, 6, 6)
    assert design.architecture.num_classes == 10
    assert design.full_size.image.height == 224
    assert design.counts == count_network(design.architecture).total


def test_a_folder_of_images_is_found_again_from_elsewhere(
    make_plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label, grey in (("dark", 20), ("light", 230)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(20):
            PIL.Image.new("RGB", (6, 6), (grey + i, grey, grey)).save(tmp_path / "photos" / label / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    plan = make_plan(lambda data: data["proxy"].update(dataset="imagefolder:photos"))
    assert plan.space.proxy.dataset == f"imagefolder:{tmp_path / 'photos'}"
    assert (plan.data.channels, plan.data.num_classes) == (3, 2)


def test_unknown_data_sets_are_named(make_plan: MakePlan) -> None:
    with pytest.raises(UserError, match="digitz"):
        make_plan(lambda data: data["proxy"].update(dataset="digitz"))


@pytest.mark.parametrize(("limit", "value"), [("max_params", 10), ("max_flops", 10.0)])
def test_an_impossible_limit_is_named_with_the_nearest_design(make_plan: MakePlan, limit: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"no architecture of 'eight' is within {limit}=10.*nearest of .* parameters"):
        make_plan(lambda data: data.update(limits={limit: value}))


def test_no_design_of_a_dry_run_is_over_a_limit(make_plan: MakePlan) -> None:
    free = [design.counts for design in dry_run(make_plan(), 40)]
    params = sorted(counts.params for counts in free)
    most = params[len(params) // 2]
    plan = make_plan(lambda data: data.update(limits={"max_params": most}))
    limited = [design.counts.params for design in dry_run(plan, 40)]
    assert len(limited) == 40
    assert max(limited) <= most < params[-1]


def test_a_dry_run_refuses_a_limit_that_it_cannot_keep(make_plan: MakePlan) -> None:
    plan = make_plan(lambda data: data.update(limits={"max_latency": 1.0}))
    with pytest.raises(UserError, match=r"cannot keep max_latency=1: leave that limit out"):
        dry_run(plan, 3)


def test_a_design_over_a_limit_says_by_how_much(make_plan: MakePlan) -> None:
    plan = make_plan()
    params = draw(plan, RandomChooser(random.Random(0))).counts.params
    limited = SearchPlan(
        plan.space.model_copy(update={"limits": plan.space.limits.model_copy(update={"max_params": params // 2})}),
        plan.settings,
        plan.data,
        plan.standardisation,
    )
    with pytest.raises(OverLimit, match="exceed max_params") as raised:
        draw(limited, RandomChooser(random.Random(0)))
    assert raised.value.excess == pytest.approx(params / (params // 2) - 1)


def test_heads_that_do_not_divide_are_infeasible_not_an_error(make_plan: MakePlan) -> None:
    def edit(data: dict) -> None:
        data["stages"][0]["width"] = {"choice": [8, 24]}
        data["stages"][0]["operator"] = {"kind": "local_attention", "num_heads": {"choice": [4, 12]}}

    plan = make_plan(edit)
    outcomes = set()
    for seed in range(40):
        try:
            stage = draw(plan, RandomChooser(random.Random(seed))).architecture.stages[0]
            outcomes.add(f"{stage.operator.num_heads} heads in {stage.width}")
        except Infeasible as error:
            outcomes.add(str(error).partition(": ")[2].partition(" (")[0])
    misfit = "stages[0].operator.num_heads: num_heads=12 does not divide width=8"
    assert outcomes == {"4 heads in 8", "4 heads in 24", "12 heads in 24", misfit}


def test_find_new_finds_the_last_design_and_then_none(make_plan: MakePlan) -> None:
    plan = make_plan()
    ids = {design.architecture.id for design in dry_run(plan, 64)}
    assert len(ids) == 8
    last = ids.pop()
    choices = find_new(plan, ids, random.Random(0))
    assert choices is not None
    assert find_new(plan, ids | {last}, random.Random(0)) is None


def test_a_subset_is_what_a_search_trains_on_and_its_record_keeps(make_plan: MakePlan, tmp_path: Path) -> None:
    def subset(data: dict[str, Any]) -> None:
        data["proxy"]["train_images"] = 50

    plan = make_plan(subset)
    assert plan.standardisation == make_plan().standardisation
    cache = DataCache()
    part = cache.get(plan.space.proxy, tmp_path)
    assert len(part.train) == 50
    whole = cache.get(make_plan().space.proxy, tmp_path)
    assert (len(whole.train), len(whole.validation)) == (1078, len(part.validation))
    folder = RunFolder(tmp_path / "run")
    make_folder(folder, plan, "", device="cpu")
    assert read_info(folder).space["proxy"]["train_images"] == 50
    assert read_info(folder).class_names == tuple("0123456789")


def test_what_draws_designs_reads_no_data(make_space: Callable[..., SearchSpace]) -> None:
    space = make_space(lambda data: data["proxy"].update(dataset="cifar10", image_size=8))
    settings = SearchSettings(data_dir=Path("/nowhere"))
    plan = plan_designs(space, settings)
    assert plan.standardisation == ((), ())
    assert len(list(dry_run(plan, 3))) == 3
    with pytest.raises(UserError, match="leave out train_images"):
        plan_designs(
            make_space(lambda data: data["proxy"].update(dataset="synthetic:additive", train_images=9)), settings
        )
