"""The sampler of a search that names none, what it says of it, and what its run keeps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sasa_nas.errors import UserError
from sasa_nas.run import RunFolder, SearchSettings, read_info
from sasa_nas.searching import resume, search
from sasa_nas.searching.plan import plan_designs
from sasa_nas.searching.sampler_choice import SamplerChoice, choose_sampler
from sasa_nas.space import SearchSpace

MakeSpace = Callable[..., SearchSpace]


def synthetic(data: dict[str, Any]) -> None:
    data["proxy"].update(dataset="synthetic:additive", image_size=None)


@pytest.mark.parametrize(
    ("asked", "limits", "name", "because"),
    [
        ({}, {}, "model", ""),
        ({"objectives": ("accuracy",)}, {"max_params": 10**6}, "model", ""),
        ({"objectives": ("accuracy", "flops", "params", "memory")}, {"max_memory": 10**9}, "model", ""),
        (
            {"objectives": ("accuracy", "latency")},
            {},
            "tpe",
            "counted costs, and latency is measured",
        ),
        ({"objectives": ("accuracy", "robust_accuracy")}, {}, "tpe", "and robust_accuracy is measured"),
        ({}, {"max_latency": 1.0}, "tpe", "and max_latency is measured"),
        ({"halving": True}, {}, "tpe", "whole trainings alone"),
        ({"halving": True, "sampler": "model"}, {}, "model", ""),
        ({"objectives": ("accuracy", "latency"), "sampler": "nsga2"}, {}, "nsga2", ""),
    ],
)
def test_the_model_is_taken_where_it_can_be(make_space: MakeSpace, asked, limits, name: str, because: str) -> None:
    choice = choose_sampler(SearchSettings(**asked), make_space(lambda data: data.update(limits=limits)))
    assert choice.name == name
    assert str(choice).startswith(f"sampler {name}")
    assert bool(choice.reason) == bool(because)
    assert because in str(choice)


@pytest.mark.parametrize(
    ("objectives", "limits", "words"),
    [(("accuracy", "latency"), {}, "leave out latency"), (("accuracy", "flops"), {"max_latency": 1.0}, "max_latency")],
)
def test_the_model_that_is_asked_for_refuses_what_cannot_be_counted(
    make_space: MakeSpace, objectives, limits, words: str
) -> None:
    space = make_space(lambda data: data.update(limits=limits))
    with pytest.raises(UserError, match=words):
        plan_designs(space, SearchSettings(sampler="model", objectives=objectives))
    assert plan_designs(space, SearchSettings(objectives=objectives)).sampler.name == "tpe"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(None, "model"), ("random", "random")],
)
def test_a_run_names_its_sampler_and_goes_on_with_it(
    make_space: MakeSpace, tmp_path: Path, notes, asked: str | None, expected: str
) -> None:
    run = search(
        make_space(synthetic), SearchSettings(trials=4, sampler=asked), out=tmp_path / "run", observer=notes
    ).folder
    assert notes.samplers == [SamplerChoice(expected)]
    assert json.loads(run.info.read_text())["settings"]["sampler"] == expected
    assert resume(run.path, trials=6, observer=notes).folder == run
    assert notes.samplers == [SamplerChoice(expected)] * 2
    assert read_info(run).settings.sampler == expected


@pytest.mark.parametrize("recorded", ["tpe", None])
def test_a_run_of_before_goes_on_with_tpe(make_space: MakeSpace, tmp_path: Path, notes, recorded: str | None) -> None:
    run = search(make_space(synthetic), SearchSettings(trials=4), out=tmp_path / "run").folder
    info = json.loads(run.info.read_text())
    del info["settings"]["sampler"]
    if recorded is not None:
        info["settings"]["sampler"] = recorded
    run.info.write_text(json.dumps(info))
    resume(run.path, trials=6, observer=notes)
    assert notes.samplers == [SamplerChoice("tpe")]
    assert read_info(RunFolder(run.path)).settings.sampler == "tpe"
