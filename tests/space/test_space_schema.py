"""The JSON Schema of search spaces, which editors check YAML with: valid, true to the loader, strict."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from sasa_nas.space import SearchSpace, shipped_spaces

Tree = dict[str, Any]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = SearchSpace.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def read(file: Path) -> Tree:
    tree: Tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    return tree


@pytest.mark.parametrize("file", shipped_spaces().values(), ids=lambda file: file.stem)
def test_the_shipped_spaces_follow_it(validator: jsonschema.Draft202012Validator, file: Path) -> None:
    assert [error.message for error in validator.iter_errors(read(file))] == []


def _set(*place: str | int, value: Any) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        node: Any = tree
        for step in place[:-1]:
            node = node[step]
        node[place[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("blok", value="basic"),
        _set("block", value="bottlneck"),
        _set("block", value={"choice": ["basic", "bottlneck"]}),
        _set("stem", "widht", value=16),
        _set("stem", "kind", value="convv"),
        _set("stem", "width", value="16"),
        _set("stem", "width", value=0),
        _set("stem", "pool", value="yes"),
        _set("stages", 0, "width", value={"choices": [16, 32]}),
        _set("stages", 0, "width", value={"choice": []}),
        _set("stages", 0, "width", value={"choice": [16, "32"]}),
        _set("stages", 0, "width", value={"range": [16, 32]}),
        _set("stages", 0, "width", value={"range": [16, 32, 8, 8]}),
        _set("stages", 0, "blocks", value=True),
        _set("stages", 0, "stride", value=3),
        _set("stages", 0, "operator", "choice", 1, "kernel_size", value=4),
        _set("stages", 0, "operator", "choice", 1, "kernel_size", value={"choice": [3, 4]}),
        _set("stages", 0, "operator", "choice", 0, "num_heads", value=2),
        _set("stages", value=[]),
        _set("proxy", "epochs", value=3),
        _set("proxy", "recipe", "epochs", value=0),
        _set("limits", value={"max_param": 3}),
    ],
)
def test_a_mistake_breaks_it(validator: jsonschema.Draft202012Validator, change: Callable[[Tree], None]) -> None:
    tree = read(shipped_spaces()["tiny"])
    assert validator.is_valid(tree)
    wrong = copy.deepcopy(tree)
    change(wrong)
    assert not validator.is_valid(wrong)


@pytest.mark.parametrize(
    "change",
    [
        _set("block", value={"choice": ["basic", "bottleneck"]}),
        _set("stages", 0, "width", value={"range": [16, 32, 8]}),
        _set("stages", 0, "operator", "choice", 1, "kernel_size", value={"choice": [3, 5]}),
        _set("limits", value={"max_flops": 1e8, "max_params": None}),
        _set("image", value={"choice": [{"height": 32}, {"height": {"choice": [8, 16]}}]}),
        _set("stages", value={"choice": [[{}], [{}, {"width": 32}]]}),
    ],
)
def test_what_the_loader_takes_follows_it(
    validator: jsonschema.Draft202012Validator, change: Callable[[Tree], None]
) -> None:
    tree = read(shipped_spaces()["tiny"])
    change(tree)
    SearchSpace.model_validate(tree)
    assert validator.is_valid(tree)


def test_fields_explain_themselves() -> None:
    stage = SearchSpace.model_json_schema()["$defs"]["StageSpace"]
    assert stage["properties"]["width"]["description"].startswith("Channels of the spatial operator")
