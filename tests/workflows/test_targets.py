"""A network is found by name, by file and by folder; everything else is a line that says what to do."""

import shutil
from pathlib import Path

import pytest

from sasa_nas.detection.named import model_detector
from sasa_nas.errors import UserError
from sasa_nas.models import model_architecture
from sasa_nas.run import RunFolder, TrialFolder
from sasa_nas.workflows.targets import NetworkFolder, Trial, find_architecture, find_network, resolve


def test_by_name() -> None:
    assert find_architecture("resnet26") == model_architecture("resnet26")


@pytest.mark.parametrize("name", ["net.json", "net.yaml", "net"])
def test_by_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(model_architecture("sasa_resnet26").to_json(), encoding="utf-8")
    assert find_architecture(str(path)) == model_architecture("sasa_resnet26")


def test_detectors_are_found_where_they_will_do(tmp_path: Path) -> None:
    detector = model_detector("retinanet_sasa_resnet50")
    path = tmp_path / "net.json"
    path.write_text(detector.to_json(), encoding="utf-8")
    assert find_network("retinanet_sasa_resnet50") == find_network(str(path)) == detector
    for target in ("retinanet_sasa_resnet50", str(path)):
        with pytest.raises(UserError, match="is a detector, and a classifier is needed"):
            find_architecture(target)
    with pytest.raises(UserError, match="did you mean 'retinanet_resnet50'"):
        find_network("retinanet_resnet51")


def test_by_trial_folder(make_run, make_record) -> None:
    record = make_record(0, 0.5, 1000)
    trial = make_run([record]) / "trials" / "0000"
    assert find_architecture(str(trial)) == record.architecture


def test_a_named_network_goes_before_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("resnet26").write_text(model_architecture("resnet50").to_json(), encoding="utf-8")
    assert find_architecture("resnet26") == model_architecture("resnet26")
    assert find_architecture("./resnet26") == model_architecture("resnet50")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("resnet51", "did you mean 'resnet50'"),
        ("gone.json", "no file or folder 'gone.json'"),
        ("some/where", "no file or folder 'some/where'"),
        ("x" * 5000, "no network is called"),
    ],
)
def test_what_is_not_there(target: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_architecture(target)


def test_folders_that_are_no_trials(make_run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"trials/0000"):
        find_architecture(str(make_run([])))
    with pytest.raises(UserError, match=r"no architecture\.json"):
        find_architecture(str(tmp_path))


def test_folders_are_told_by_their_kind(make_run, make_record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run([make_record(3, 0.5, 1000)])
    assert resolve(str(run)) == RunFolder(run)
    with pytest.raises(UserError, match="is a whole run; give the folder of one of its trials"):
        find_network(str(run))
    trial = run / "trials" / "0003"
    assert resolve(str(trial)) == Trial(RunFolder(run.resolve()), 3, TrialFolder(trial))
    monkeypatch.chdir(trial)
    assert resolve(".") == Trial(RunFolder(run.resolve()), 3, TrialFolder(Path()))
    copy = tmp_path / "copy"
    shutil.copytree(trial, copy)
    assert resolve(str(copy)) == NetworkFolder(TrialFolder(copy))
    assert find_network(str(copy)) == find_network(str(trial))
