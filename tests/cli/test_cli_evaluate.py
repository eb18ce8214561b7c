"""`evaluate` as a person calls it; what it measures is tested in experiment."""

import json
from pathlib import Path

import pytest
import torch
from assertions import every
from failing import fails
from safetensors.torch import save_file

from sasa_nas.cli.app import main
from sasa_nas.models import build
from sasa_nas.run import RunFolder


@pytest.fixture
def trial(make_run, make_record) -> Path:
    """A trial of a run on digits whose network always answers 3."""
    record = make_record(0, accuracy=0.5, flops=1000)
    folder = RunFolder(make_run([record])).trial(0)
    network = build(record.architecture)
    with torch.no_grad():
        network.classifier.weight.zero_()
        network.classifier.bias.copy_(torch.arange(10) == 3)
    save_file(network.state_dict(), folder.weights)
    return folder.path


def test_a_trial_is_measured_on_its_runs_data(capsys: pytest.CaptureFixture[str], trial: Path) -> None:
    attack = ["--pgd", "--pgd-epsilon", "8/255", "--pgd-epsilon", "0.1", "--pgd-steps", "1", "--pgd-steps", "2"]
    assert main(["evaluate", str(trial), "--rotations", "--flips", *attack, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["dataset"], report["split"], report["images"]) == ("digits", "validation", 360)
    names = [measurement["name"] for measurement in report["measurements"]]
    views = ["rotate_90", "rotate_180", "rotate_270", "flip_upside_down", "flip_left_right"]
    assert names == ["clean", *views, *["pgd"] * 4]
    attacks = [measurement["attack"] for measurement in report["measurements"][6:]]
    assert [(attack["epsilon"], attack["steps"]) for attack in attacks] == [
        (8 / 255, 1),
        (8 / 255, 2),
        (0.1, 1),
        (0.1, 2),
    ]
    # a network that always says 3 is right on the threes, whatever is done to the images
    assert {measurement["accuracies"][0] for measurement in report["measurements"]} == {37 / 360}


def test_the_table_names_every_measurement(capsys: pytest.CaptureFixture[str], trial: Path) -> None:
    assert main(["evaluate", str(trial), "--flips", "--pgd", "--pgd-targeted", "--pgd-steps", "1"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0].endswith("on 360 validation images of digits")
    assert lines[1].split() == ["images", "accuracy", "target", "reached"]
    assert [line.split()[-1] for line in lines[2:5]] == ["10.28%"] * 3
    assert lines[5].startswith("pgd targeted, epsilon 0.03137, 1 steps of 0.07843")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--dataset", "digit"), ("did you mean 'digits'",)),
        (("--dataset", "cifar10"), ("3 channels", "network 1")),
        (("--split", "train"), ("--split", "validation", "test")),
        (("--pgd", "--pgd-epsilon", 0), ("epsilon must be a positive number",)),
        (("--pgd", "--pgd-epsilon", "8/0"), ("--pgd-epsilon", "8/0")),
        (("--pgd", "--pgd-epsilon", "little"), ("--pgd-epsilon", "little")),
        (("--pgd", "--pgd-steps", 0), ("--pgd-steps",)),
        (("--pgd", "--pgd-step-size", -1), ("step_size must be a positive number",)),
        (("--pgd-targeted",), ("add --pgd",)),
        (("--batch-size", 0), ("--batch-size",)),
        (("--device", "tpu"), ("tpu",)),
        (("--data-dir", "/nowhere", "--dataset", "imagefolder:x"), ("there is no folder",)),
    ],
)
def test_wrong_options_are_named(
    capsys: pytest.CaptureFixture[str], trial: Path, options: tuple[object, ...], words: tuple[str, ...]
) -> None:
    line = fails(capsys, "evaluate", trial, *options)
    assert every(word in line for word in words), line


def test_folders_without_a_trained_network_are_named(
    capsys: pytest.CaptureFixture[str], trial: Path, tmp_path: Path
) -> None:
    assert "is a whole run" in fails(capsys, "evaluate", trial.parent.parent)
    assert "there is no folder" in fails(capsys, "evaluate", tmp_path / "nowhere")
    (trial / "weights.safetensors").write_bytes(b"pickle?")
    assert "is damaged or no safetensors file" in fails(capsys, "evaluate", trial)
    (trial / "weights.safetensors").unlink()
    assert "not trained to the end" in fails(capsys, "evaluate", trial)
