"""`sasa-nas describe` of names, files and trials."""

import json

import pytest

from sasa_nas.cli.app import main
from sasa_nas.cli.describe import ConventionName
from sasa_nas.cost import CONVENTIONS, count_network
from sasa_nas.models import model_architecture


def test_json_holds_the_contract(capsys) -> None:
    assert main(["describe", "resnet18", "--image-size", "64", "--convention", "macs", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["name"], data["params"], data["convention"]) == ("resnet18", 11_689_512, "macs")
    assert data["flops"] == data["macs"]["total"]
    assert (data["image"]["height"], data["image"]["width"]) == (64, 64)
    assert [stage["operator"] for stage in data["stages"]] == ["conv"] * 4
    assert {"name", "blocks", "width", "params", "macs", "flops", "output"} <= set(data["stages"][0])


def test_table_has_a_row_a_part_and_exact_totals(capsys) -> None:
    assert main(["describe", "resnet18"]) == 0
    out = capsys.readouterr().out
    starts = [line.split(" ")[0] for line in out.splitlines()]
    assert starts[1:] == ["part", "stem", *(f"stages[{i}]" for i in range(4)), "classifier", "MACs", "Training"]
    flops = count_network(model_architecture("resnet18")).total.flops()
    assert "11,689,512 parameters" in out
    assert f"{flops:,} FLOPs" in out


def test_a_trial(capsys, make_run, make_record) -> None:
    record = make_record(0, 0.5, 1000)
    assert main(["describe", str(make_run([record]) / "trials" / "0000"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["architecture_id"] == record.architecture_id


def test_an_unknown_name_is_one_line(capsys) -> None:
    assert main(["describe", "resnet51"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "did you mean 'resnet50'" in err


def test_conventions_are_those_of_the_cost_model() -> None:
    assert tuple(ConventionName) == CONVENTIONS


@pytest.mark.parametrize("columns", ["40", "80"])
def test_a_narrow_window_loses_no_number(capsys, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["describe", "resnet18"]) == 0
    assert "8.39M" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["mnasnet_100", "bam_resnet50", "aa_wrn_28_10", "san10_patchwise"])
def test_every_kind_of_network_prints(capsys, name: str) -> None:
    assert main(["describe", name]) == 0
    out = capsys.readouterr().out
    assert f"{count_network(model_architecture(name)).total.params:,} parameters" in out


def test_the_table_names_what_a_stage_has_beyond_its_operator(capsys) -> None:
    assert main(["describe", "mnasnet_100"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "expansion 3, depthwise_size 5, channel_attention se" in next(line for line in lines if "stages[2]" in line)
    assert any(line.startswith("head") for line in lines)


def test_changes_come_before_the_count(capsys) -> None:
    changes = ["--set", "stages[*].operator.kind=conv", "--set", "num_classes=10"]
    assert main(["describe", "sasa_resnet50", *changes, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["params"] == 25_557_032 - 990 * 2049
    assert {stage["operator"] for stage in data["stages"]} == {"conv"}


def test_a_wrong_change_is_one_line(capsys) -> None:
    assert main(["describe", "sasa_resnet50", "--set", "stages[0].operator.kernel_size=10"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "must be odd" in err


def test_latency(capsys, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    words = ["describe", "resnet18", "--image-size", "16", "--latency", "--device", "cpu", "--threads", "1"]
    assert main([*words, "--batch", "1", "--batch", "3", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    one, three = data["latency"]
    assert (one["batch"], three["batch"], one["threads"], one["dtype"]) == (1, 3, 1, "float32")
    assert 0 < one["low"] <= one["seconds"] <= one["high"]
    assert data["training_memory"]["per_image"] > 0
    assert main([*words, "--batch", "3"]) == 0
    out = capsys.readouterr().out
    assert "Latency of 3 images: " in out
    assert "Latency of 1 image" not in out
    assert len(list((tmp_path / "sasa-nas" / "latency").iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["resnet18", "--dtype", "int8"], "there is: float32"),
        (["resnet18", "--device", "tpu"], "unknown device"),
        (["retinanet_sasa_resnet50"], "classifiers"),
    ],
)
def test_latencies_that_cannot_be_are_one_line(capsys, options: list[str], words: str) -> None:
    assert main(["describe", *options, "--latency"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err
