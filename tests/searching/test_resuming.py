"""A run that goes on with the images that it was begun with, wherever they lie now."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from odd_folders import fill

from sasa_nas.errors import UserError
from sasa_nas.run import ExternalResources, RunInfo
from sasa_nas.searching.plan import SearchPlan, plan_search
from sasa_nas.searching.resuming import require_same_data, trainable
from sasa_nas.space.files import validate_space


@pytest.fixture
def run(make_run: Callable[..., Path], tmp_path: Path) -> Path:
    """A run on the images of `tmp_path / "photos"`."""
    photos = fill(tmp_path / "photos", classes=["a", "b", "c"], count=12)
    path = make_run([])
    info = json.loads((path / "run.json").read_text())
    info["space"]["proxy"]["dataset"] = f"imagefolder:{photos}"
    (path / "run.json").write_text(json.dumps(info))
    mean, std = planned(trainable(path, ExternalResources(dataset=f"imagefolder:{photos}"))).standardisation
    (path / "run.json").write_text(json.dumps(info | {"mean": mean, "std": std}))
    return path


def planned(info: RunInfo) -> SearchPlan:
    return plan_search(validate_space(info.space, "space"), info.settings)


def test_the_same_images_are_gone_on_with_where_they_lie_now(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    info = trainable(run, ExternalResources(dataset="imagefolder:moved"))
    assert info.dataset == f"imagefolder:{tmp_path}/moved"
    require_same_data(planned(info), info, run)


def test_other_images_are_not(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "photos" / "c")
    fill(tmp_path / "photos", classes=["c"], count=12, start=100)
    info = trainable(run, ExternalResources(dataset=f"imagefolder:{tmp_path}/photos"))
    plan = planned(info)
    with pytest.raises(UserError, match=r"is not what .*run was begun with"):
        require_same_data(plan, info, run)
    # a run that kept no figures takes what is there
    require_same_data(plan, info.model_copy(update={"mean": (), "std": ()}), run)
    require_same_data(replace(plan, standardisation=((), ())), info.model_copy(update={"mean": (), "std": ()}), run)
