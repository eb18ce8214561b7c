import json
from pathlib import Path

import pytest
from training_cases import INFO

from sasa_nas.errors import UserError
from sasa_nas.run import RunFolder, TrainingFolder, TrialFolder
from sasa_nas.run.trained import TrainingData, Weights, find_trained


@pytest.fixture
def trial(make_run, make_record) -> TrialFolder:
    folder = RunFolder(make_run([make_record(0, accuracy=0.5, flops=1000)])).trial(0)
    folder.weights.write_bytes(b"never read here")
    return folder


@pytest.fixture
def training(tmp_path: Path, make_record) -> TrainingFolder:
    folder = TrainingFolder(tmp_path / "training")
    folder.path.mkdir()
    folder.architecture.write_text(make_record(0).architecture.to_json())
    folder.info.write_text(INFO.model_dump_json())
    return folder


def finish(training: TrainingFolder, seed: int) -> Path:
    weights = training.seed(seed).weights
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"never read here")
    return weights


def test_a_training_gives_its_finished_seeds_and_its_data(training: TrainingFolder, make_record) -> None:
    weights = finish(training, 4)
    trained = find_trained(training.path)
    assert trained.architecture == make_record(0).architecture
    assert trained.weights == (Weights(weights, 4),)
    assert trained.data == TrainingData("digits", Path("/data"), mean=(4.5,), std=(6.25,))
    finish(training, 3)
    assert [weights.seed for weights in find_trained(training.path).weights] == [3, 4]


def test_a_training_without_a_finished_seed_says_how_to_go_on(training: TrainingFolder) -> None:
    with pytest.raises(UserError, match=f"train --resume {training.path}"):
        find_trained(training.path)


def test_a_trial_takes_its_data_from_its_run(trial: TrialFolder, make_record) -> None:
    trained = find_trained(trial.path)
    assert trained.architecture == make_record(0).architecture
    assert trained.weights == (Weights(trial.weights),)
    assert trained.data == TrainingData("digits", None, mean=(), std=())


def test_a_trial_is_found_from_inside_its_run(trial: TrialFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trial.path)
    assert find_trained(Path()).data is not None


def test_a_folder_of_its_own_has_no_data(trial: TrialFolder, tmp_path: Path) -> None:
    export = tmp_path / "export"
    trial.path.rename(export)
    assert find_trained(export).data is None


def test_a_run_whose_proxy_is_damaged_is_named(trial: TrialFolder) -> None:
    file = RunFolder(trial.path.parent.parent).info
    info = json.loads(file.read_text())
    info["space"]["proxy"] = {"epochs": "many"}
    file.write_text(json.dumps(info))
    with pytest.raises(UserError, match=r"run\.json: space\.proxy: epochs"):
        find_trained(trial.path)


def test_what_is_no_trained_network_is_named(trial: TrialFolder, tmp_path: Path) -> None:
    trial.weights.unlink()
    (tmp_path / "empty").mkdir()
    for path, words in (
        (trial.path, r"no weights\.safetensors: its network is not trained to the end"),
        (trial.path.parent.parent, "is a whole run"),
        (tmp_path / "empty", r"holds no architecture\.json"),
        (tmp_path / "nowhere", "there is no folder"),
    ):
        with pytest.raises(UserError, match=words):
            find_trained(path)
