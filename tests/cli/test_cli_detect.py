"""`train` and `detect` as a person calls them for a detector."""

import json
from pathlib import Path

import pytest
from coco_shapes import write_shapes
from failing import fails

from sasa_nas.cli.app import main

NETWORK = """
backbone:
  block: basic
  stem: {kind: conv, width: 8, kernel_size: 3}
  stages:
    - {blocks: 1, width: 8}
    - {blocks: 1, width: 8, stride: 2}
    - {blocks: 1, width: 8, stride: 2}
    - {blocks: 1, width: 8, stride: 2}
operator: {kind: local_attention, kernel_size: 3, num_heads: 2}
pyramid_width: 8
head_depth: 1
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network's file and a data set."""
    path = tmp_path_factory.mktemp("place")
    (path / "net.yaml").write_text(NETWORK)
    write_shapes(path / "shapes", train=4, validation=1, size=(48, 64))
    return path


@pytest.fixture(scope="module")
def options() -> list[str]:
    return ["--image-size", "64", "--epochs", "2", "--batch-size", "2", "--device", "cpu"]


@pytest.fixture
def trained(place: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    out = tmp_path / "t"
    assert (
        main(["train", str(place / "net.yaml"), "--dataset", f"coco:{place / 'shapes'}", *options, "--out", str(out)])
        == 0
    )
    capsys.readouterr()
    return out


def test_training_tells_precision_and_what_to_do_next(
    place: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t"
    words = [str(place / "net.yaml"), "--dataset", f"coco:{place / 'shapes'}", *options, "--seeds", "2"]
    assert main(["train", *words, "--no-augment", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert "2 epochs, 2 seeds" in lines[0]
    assert [line.split(":")[0] for line in lines[1:]] == [f"seed {s} epoch {e}/2" for s in (0, 1) for e in (1, 2)]
    assert "validation mAP" in lines[1]
    assert "validation mAP" in captured.out
    assert f"detect {out} --image FILE" in captured.out
    info = json.loads((out / "training.json").read_text())
    assert info["task"] == "detection"
    assert info["settings"]["recipe"] == {
        "epochs": 2,
        "batch_size": 2,
        "learning_rate": 1e-4,
        "weight_decay": 0.05,
        "augment": False,
    }
    # finished: going on says the same again
    assert main(["train", "--resume", str(out)]) == 0
    assert capsys.readouterr().out == captured.out


def test_detecting_prints_json_or_a_table_and_draws(
    place: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [str(place / "shapes" / "train2017" / f"00000{i}.png") for i in (1, 2)]
    words = ["detect", str(trained), "--image", images[0], "--image", images[1], "--plot", str(tmp_path / "o.png")]
    assert main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [found["image"] for found in report["images"]] == images
    assert report["score_threshold"] == 0.5
    assert (tmp_path / "o.png").stat().st_size > 0
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "objects with a score of 0.5 or more" in printed
    assert f"Figure: {tmp_path / 'o.png'}" in printed


def test_wrong_input_is_one_line(
    place: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net, data = place / "net.yaml", f"coco:{place / 'shapes'}"
    image = place / "shapes" / "train2017" / "000001.png"
    for words, told in (
        (("detect", tmp_path, "--image", image), "is not a training"),
        (("detect", trained), "Missing option '--image'"),
        (("detect", trained, "--image", "none.png"), "cannot read the image 'none.png'"),
        (("detect", trained, "--image", image, "--score-threshold", 0.01), "greater than or equal to 0.05"),
        (("detect", trained, "--image", image, "--plot", "o.txt"), "must end in .png"),
        (("evaluate", trained), "is the training of a detector"),
        (("train", net, "--dataset", "digits"), "'digits' has no boxes for a detector"),
        (("train", "resnet18", "--dataset", data), "holds boxes for detectors"),
        (("train", net, "--dataset", data, "--width-multiplier", 0.5), "width_multiplier = 0.5: has no meaning here"),
        (("train", net, "--dataset", data, "--label-smoothing", 0.1), "recipe.label_smoothing: unknown field"),
        (("train", "resnet18", "--dataset", "digits", "--backbone-weights", "w"), "backbone_weights = 'w': has no"),
        (("train", "retinanet_resent50", "--dataset", data), "did you mean 'retinanet_resnet50'"),
        (("train", net, "--dataset", data, "--out", trained), "already holds a training"),
    ):
        assert told in fails(capsys, *words), words
