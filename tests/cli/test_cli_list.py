"""`sasa-nas list`: tables for people, JSON for programs, and a schema that accepts the shipped spaces."""

import json

import pytest
import yaml

from sasa_nas.cli.app import main
from sasa_nas.recipes import load_recipe, recipe_schema
from sasa_nas.space import SearchSpace


@pytest.mark.parametrize(
    ("what", "key", "value"),
    [
        ("spaces", "name", "tiny"),
        ("datasets", "name", "digits"),
        ("operators", "kind", "local_attention"),
        ("recipes", "name", "rsb_a3"),
    ],
)
def test_lists(capsys, what: str, key: str, value: str) -> None:
    assert main(["list", what]) == 0
    assert value in capsys.readouterr().out
    assert main(["list", what, "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert value in [entry[key] for entry in entries]


@pytest.mark.slow
def test_list_models(capsys) -> None:
    assert main(["list", "models"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("resnet50 "))
    assert row.split()[1:3] == ["25.6M", "8.18G"]


def test_schema_is_raw_json(capsys) -> None:
    assert main(["list", "spaces", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SearchSpace.model_json_schema()


def test_a_recipe_is_printed_whole(capsys) -> None:
    assert main(["list", "recipes", "rsb_a3"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == load_recipe("rsb_a3").model_dump(mode="json")
    assert main(["list", "recipes", "rsb_a3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["optimizer"]["kind"] == "lamb"


def test_a_name_is_for_recipes(capsys) -> None:
    assert main(["list", "recipes", "rsb_a4"]) == 2
    assert "did you mean 'rsb_a3'" in capsys.readouterr().err
    assert main(["list", "spaces", "tiny"]) == 2
    assert "a name is for recipes alone" in capsys.readouterr().err


def test_schema_of_recipes(capsys) -> None:
    assert main(["list", "recipes", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == recipe_schema()
    assert main(["list", "models", "--schema"]) == 2
    assert main(["list", "recipes", "rsb_a3", "--schema"]) == 2
    assert "leave 'rsb_a3' out" in capsys.readouterr().err
