"""The type of families: what of one design may be searched over, and that nothing else changes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import BaseModel, ValidationError
from space_trees import ARCHITECTURES, Tree

from sasa_nas.nodes import Node
from sasa_nas.operators import OPERATORS
from sasa_nas.space import Architecture, Image, SearchSpace, Stage, sample, size
from sasa_nas.space.searchable import Choice, Number, Range, searchable
from sasa_nas.stems import STEMS

NODES: tuple[type[Node], ...] = (
    Architecture,
    Image,
    Stage,
    *(entry.description for entry in STEMS),
    *(entry.description for entry in OPERATORS),
)
FIELDS = [(node, name) for node in NODES for name in node.model_fields if name != "kind"]
NAMES = [f"{node.__name__}.{name}" for node, name in FIELDS]


class NoChooser:
    """Nothing is left to choose."""

    def option(self, name: str, labels: object) -> int:
        raise AssertionError(name)

    def number(self, name: str, values: Range) -> Number:
        raise AssertionError(name)


def example(node: type[Node]) -> dict[str, Any]:
    """A design of this type as plain data, every field written out."""
    fields = {"stages": [{}]} if node is Architecture else {}
    data: dict[str, Any] = json.loads(node.model_validate(fields).model_dump_json())
    return data


@settings(deadline=None, max_examples=30)
@given(tree=ARCHITECTURES)
def test_a_design_is_a_family_of_one(tree: Tree) -> None:
    architecture = Architecture.model_validate(tree)
    space = SearchSpace.model_validate({"name": "one", **architecture.model_dump()})
    assert size(space) == 1
    assert sample(space, NoChooser()) == architecture
    assert sample(SearchSpace.model_validate({"name": "one", **tree}), NoChooser()) == architecture


@pytest.mark.parametrize(("node", "name"), FIELDS, ids=NAMES)
def test_every_field_may_be_a_choice(node: type[Node], name: str) -> None:
    data = example(node)
    family = searchable(node).model_validate({**data, name: {"choice": [data[name]]}})
    value = getattr(family, name)
    assert isinstance(value, Choice)
    assert len(value.choice) == 1
    assert size(family) == 1


@pytest.mark.parametrize(("node", "name"), FIELDS, ids=NAMES)
def test_a_range_is_for_numbers_alone(node: type[Node], name: str) -> None:
    data = example(node)
    value = data[name]
    if type(value) in (int, float):
        family = searchable(node).model_validate({**data, name: {"range": [value, value, 1]}})
        assert getattr(family, name).values() == [value]
    else:
        with pytest.raises(ValidationError):
            searchable(node).model_validate({**data, name: {"range": [1, 1, 1]}})


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_the_family_has_the_fields_defaults_and_words_of_the_design(node: type[Node]) -> None:
    family = searchable(node)
    assert list(family.model_fields) == list(node.model_fields)
    for name, field in node.model_fields.items():
        derived = family.model_fields[name]
        assert derived.is_required() == field.is_required()
        assert derived.description == field.description
        assert _plain(derived.default) == _plain(field.default)
    assert family.__doc__ == node.__doc__


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value


def test_the_kind_of_an_operator_is_not_searched_over_by_itself() -> None:
    with pytest.raises(ValidationError):
        SearchSpace.model_validate(
            {"name": "x", "stages": [{"operator": {"kind": {"choice": ["conv", "local_attention"]}}}]}
        )


def test_a_field_added_to_a_design_can_be_searched_over_at_once() -> None:
    class Extra(Node):
        dropout: float = 0.1
        layers: tuple[int, ...] = (1, 2)

    family = searchable(Extra).model_validate(
        {"dropout": {"range": [0.0, 0.5, 0.25]}, "layers": {"choice": [[1], [2, 3]]}}
    )
    assert family.dropout.values() == [0.0, 0.25, 0.5]  # type: ignore[attr-defined]
    assert size(family) == 3 * 2


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ([1, 4, 1], [1, 2, 3, 4]),
        ([3, 9, 2], [3, 5, 7, 9]),
        ([5, 5, 1], [5]),
        ([0.1, 0.5, 0.1], [0.1, 0.2, 0.3, 0.4, 0.5]),
        ([0.7, 1.0, 0.1], [0.7, 0.8, 0.9, 1.0]),
        ([0, 1, 0.25], [0.0, 0.25, 0.5, 0.75, 1.0]),
        ([1e-3, 3e-3, 1e-3], [0.001, 0.002, 0.003]),
    ],
)
def test_a_range_gives_its_numbers_as_they_are_written(bounds: list[Number], expected: list[Number]) -> None:
    values = Range.model_validate({"range": bounds}).values()
    assert values == expected
    assert [type(value) for value in values] == [type(value) for value in expected]


def test_a_number_that_a_sampler_rounded_comes_out_as_the_ranges_own() -> None:
    class Rounding:
        def option(self, name: str, labels: object) -> int:
            raise AssertionError(name)

        def number(self, name: str, values: Range) -> Number:
            return 0.1 + 2 * 0.1

    ratio = {"kind": "pairwise", "key_ratio": {"range": [0.1, 0.5, 0.1]}}
    space = SearchSpace.model_validate({"name": "x", "stages": [{"operator": ratio}]})
    drawn = sample(space, Rounding())
    plain = Architecture.model_validate({"stages": [{"operator": {"kind": "pairwise", "key_ratio": 0.3}}]})
    assert drawn.id == plain.id
