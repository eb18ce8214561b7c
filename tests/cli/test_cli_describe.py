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
    assert starts[1:] == ["part", "stem", *(f"stages[{i}]" for i in range(4)), "classifier", "MACs"]
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
