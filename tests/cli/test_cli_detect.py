"""`train-detector` and `detect` as a person calls them."""

import inspect
import json
from pathlib import Path

import pytest
from coco_shapes import write_shapes
from failing import fails

from sasa_nas.cli.app import main
from sasa_nas.cli.train_detector import train_detector
from sasa_nas.detection.recipe import DetectionRecipe

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
    data = ["--dataset", f"coco:{place / 'shapes'}"]
    assert main(["train-detector", str(place / "net.yaml"), *data, *options, "--out", str(out)]) == 0
    capsys.readouterr()
    return out


def test_training_tells_precision_and_what_to_do_next(
    place: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t"
    words = [str(place / "net.yaml"), "--dataset", f"coco:{place / 'shapes'}", *options, "--seeds", "2"]
    assert main(["train-detector", *words, "--no-augment", "--out", str(out)]) == 0
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
    assert main(["train-detector", "--resume", str(out)]) == 0
    assert capsys.readouterr().out == captured.out


def test_help_tells_the_detection_recipes_defaults() -> None:
    annotations = inspect.get_annotations(train_detector, eval_str=True)
    told = {name: annotations[name].__metadata__[0].show_default for name in DetectionRecipe.model_fields}
    assert told.pop("augment") == "augment"
    defaults = {name: float(text) for name, text in told.items()} | {"augment": True}
    assert defaults == DetectionRecipe().model_dump()


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
        (("train", "--resume", trained), "is the training of a detector; use `sasa-nas train-detector`"),
        (("train", net, "--dataset", data), "is a detector; use `sasa-nas train-detector`"),
        (("train", "retinanet_resnet50", "--dataset", data), "is a detector; use `sasa-nas train-detector`"),
        (("train-detector", "resnet18", "--dataset", data), "'resnet18' is a classifier; use `sasa-nas train`"),
        (("train-detector", net), "train-detector needs --dataset"),
        (("train-detector", "--dataset", data), "train-detector needs a network"),
        (("train-detector", "--resume", trained, "--epochs", 2), "leave out --epochs"),
        (("train-detector", net, "--dataset", "digits"), "'digits' has no boxes for a detector"),
        (("train", "resnet18", "--dataset", data), "holds boxes for detectors"),
        (("train-detector", net, "--dataset", data, "--label-smoothing", 0.1), "--label-smoothing"),
        (("train", "resnet18", "--dataset", "digits", "--backbone-weights", "w"), "--backbone-weights"),
        (("train-detector", "retinanet_resent50", "--dataset", data), "did you mean 'retinanet_resnet50'"),
        (("train-detector", net, "--dataset", data, "--learning-rate", 0), "learning_rate = 0.0"),
        (("train-detector", net, "--dataset", data, "--out", trained), f"`sasa-nas train-detector --resume {trained}`"),
    ):
        assert told in fails(capsys, *words), words


def test_a_trained_detector_is_exported(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["export", str(trained), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    precision = json.loads((trained / "result.json").read_text())["seeds"][0]["ap"]
    assert f"Weights: trained (seed 0), average precision {100 * precision:.2f}% on validation" in printed
    assert f"verify-export {out}" in printed
    config = json.loads((out / "config.json").read_text())
    assert config["label_names"] == ["rectangle", "ellipse", "triangle"]
    assert config["category_ids"] == [2, 5, 7]
    trained_weights = trained / "seeds" / "0" / "weights.safetensors"
    again = tmp_path / "again"
    words = ["--weights", str(trained_weights), "--out", str(again)]
    assert main(["export", str(trained / "architecture.json"), *words]) == 0
    assert (again / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()


def test_what_cannot_be_exported_is_one_line_and_leaves_nothing(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, out = trained / "seeds" / "0" / "weights.safetensors", tmp_path / "out"
    whole = weights.read_bytes()
    network = trained / "architecture.json"
    for words, told in (
        ((trained, "--seed", 4), "has no seed 4 that is trained to the end; it has 0"),
        ((trained, "--weights", weights), "a training has its own weights"),
        (("retinanet_resnet50", "--weights", weights), "the weights are not those of architecture"),
    ):
        assert told in fails(capsys, "export", *words, "--out", out), words
    weights.write_bytes(whole[:-5])
    for words in ((trained,), (network, "--weights", weights)):
        assert "is damaged or no safetensors file" in fails(capsys, "export", *words, "--out", out)
    weights.unlink()
    assert "is trained to the end; go on with" in fails(capsys, "export", trained, "--out", out)
    assert not out.exists()
