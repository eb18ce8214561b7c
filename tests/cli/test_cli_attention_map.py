"""`sasa-nas attention-map`: JSON, table, figure, and what is wrong in one line."""

import json
from pathlib import Path

import pytest
import torch
from assertions import every
from safetensors.torch import save_file

from sasa_nas.cli.app import main
from sasa_nas.models import build
from sasa_nas.space import Architecture

OPERATORS = (
    {"kind": "conv"},
    {"kind": "local_attention", "kernel_size": 3, "num_heads": 2},
    {"kind": "augmented_conv", "num_heads": 2, "value_ratio": 0.5, "min_key_dim": 2},
    {"kind": "pairwise", "kernel_size": 3, "share_channels": 4},
    {"kind": "patchwise", "kernel_size": 3, "share_channels": 4},
    {"kind": "global_attention", "num_heads": 2},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export's folder: one network with every operator, for digits."""
    stem = {"kind": "attention", "width": 8, "kernel_size": 2, "num_heads": 2, "pool": False}
    described = Architecture.model_validate(
        {
            "block": "basic",
            "stem": stem,
            "stages": [{"blocks": 1, "width": 8, "operator": operator} for operator in OPERATORS],
            "image": {"channels": 1, "height": 8, "width": 8},
            "num_classes": 10,
        }
    )
    path = tmp_path / "net"
    path.mkdir()
    torch.manual_seed(0)
    save_file(build(described).state_dict(), path / "weights.safetensors")
    (path / "architecture.json").write_text(described.to_json())
    return path


def test_json_tells_every_stage_and_head(folder: Path, capsys) -> None:
    words = ["attention-map", str(folder), "--dataset", "digits", "--index", "3", "--pixel", "2,5", "--pixel", "0,0"]
    assert main([*words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["network"], data["height"], data["width"]) == (str(folder), 8, 8)
    assert data["weights"] == str(folder / "weights.safetensors")
    assert data["image"].startswith("digits, validation image 3 (class ")
    assert [found["stage"] for found in data["maps"][::2]] == ["stem", 1, 2, 3, 4, 5]
    assert [found["pixel"] for found in data["maps"]] == [[2, 5], [0, 0]] * 6
    for found in data["maps"]:
        assert [head["head"] for head in found["heads"]] == [None, 0, 1]
        if found["operator"] != "patchwise":
            assert [head["total"] for head in found["heads"]] == pytest.approx([1.0] * 3)
            assert every(head["entropy"] > 0 for head in found["heads"])


def test_table_and_figure(folder: Path, tmp_path: Path, capsys) -> None:
    plot = tmp_path / "map.png"
    choice = ["--stage", "2", "--layer", "0", "--heads", "1"]
    assert main(["attention-map", str(folder), "--dataset", "digits", *choice, "--plot", str(plot)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{folder}, weights: {folder / 'weights.safetensors'}"
    assert lines[2].split()[:6] == ["layer", "operator", "map", "pixel", "cell", "head"]
    assert lines[3].split()[:10] == ["stage", "2,", "block", "0", "augmented_conv", "8", "x", "8", "4,4", "4,4"]
    assert lines[4].split()[0] == "1"
    assert lines[-1] == f"Figure: {plot}"
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_named_network_says_that_its_weights_are_random(capsys) -> None:
    words = ["attention-map", "sasa_resnet26", "--dataset", "digits", "--stage", "3", "--seed", "5", "--json"]
    assert main(words) == 0
    first = capsys.readouterr().out
    assert json.loads(first)["weights"] == "random (seed 5)"
    assert main(words) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pixel", "8,0"], "pixel 8,0 lies outside the image of 8 x 8"),
        (["--pixel", "3"], "--pixel '3' is no row and column such as 12,30"),
        (["--stage", "0"], "stage 0 has no attention; there is attention in: stem, 1, 2, 3, 4, 5"),
        (["--stage", "last"], "--stage 'last' is neither a stage's number nor `stem`"),
        (["--heads", "0;1"], "--heads '0;1' is no list of whole numbers such as 0,3,5"),
        (["--heads", "2"], "stem has no head 2; there are heads 0 to 1"),
        (["--index", "999"], "--index 999: the validation images of 'digits' are 0 to 359"),
        (["--image", "cat.png"], "--image and --dataset exclude each other"),
        (["--plot", "map.jpg"], "map.jpg: a figure's file must end in .png, .svg or .pdf"),
        (["--plot", "nowhere/map.png"], "nowhere/map.png cannot be written"),
    ],
)
def test_what_is_wrong_is_one_line(folder: Path, tmp_path: Path, monkeypatch, capsys, words, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["attention-map", str(folder), "--dataset", "digits", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["resnet18", "--dataset", "digits"], "the network has no attention, only convolutions"),
        (["sasa_resnet26"], "'sasa_resnet26' has no data set of its own; give --image or --dataset"),
        (["sasa_resnet27", "--dataset", "digits"], "did you mean 'sasa_resnet2"),
        (["sasa_resnet26", "--image", "absent.png"], "cannot read the image 'absent.png'"),
        (["sasa_resnet26", "--image", "text.png"], "cannot read the image 'text.png'"),
        (["empty"], "empty holds no architecture.json"),
        (["untrained", "--dataset", "digits"], "untrained holds no weights.safetensors"),
        (["damaged", "--dataset", "digits"], "weights.safetensors is damaged or no safetensors file"),
    ],
)
def test_targets_and_images_that_are_not_there(
    folder: Path, tmp_path: Path, monkeypatch, capsys, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.png").write_text("no image")
    for name in ("empty", "untrained", "damaged"):
        (tmp_path / name).mkdir()
    for name in ("untrained", "damaged"):
        (tmp_path / name / "architecture.json").write_bytes((folder / "architecture.json").read_bytes())
    (tmp_path / "damaged" / "weights.safetensors").write_bytes(b"\x80\x04 a pickle")
    assert main(["attention-map", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
