"""Docstrings of fields, and the schemas that show them."""

from typing import Any

from pydantic import Field, create_model

from sasa_nas.nodes import Node
from sasa_nas.nodes.field_docstrings import field_docstrings
from sasa_nas.space.searchable import searchable


class Base(Node):
    """Two fields, one of them documented."""

    size: int = 3
    """Side in pixels."""
    plain: int = 1

    rate: float = 0.5
    """Share,
    of all.
    """


class Derived(Base):
    """A field of a base, documented anew, and a schema's own description."""

    size: int = 5
    """Side in cells."""
    named: int = Field(1, description="by itself")
    """By its docstring."""


class Holder(Node):
    """Nodes in a node."""

    part: Base = Base()
    """A part."""


class Around:
    """A class that holds another."""

    class Base(Node):
        """Of the same name as one outside."""

        size: int = 3
        """Side inside."""


def described(model: type[Node]) -> dict[str, Any]:
    properties: dict[str, Any] = model.model_json_schema()["properties"]
    return {name: field["description"] for name, field in properties.items() if "description" in field}


def test_fields_have_the_strings_below_them() -> None:
    assert field_docstrings(Base) == {"size": "Side in pixels.", "rate": "Share,\nof all."}
    assert field_docstrings(Derived) == {
        "size": "Side in cells.",
        "rate": "Share,\nof all.",
        "named": "By its docstring.",
    }
    assert field_docstrings(Around.Base) == {"size": "Side inside."}


def test_a_class_that_was_made_by_a_call_has_those_of_its_bases() -> None:
    made = create_model("Made", __base__=Base, more=(int, 2))
    assert field_docstrings(made) == field_docstrings(Base)
    namespace: dict[str, Any] = {"Node": Node, "__name__": "typed"}
    exec('class Typed(Node):\n    size: int = 3\n    """Size."""\n', namespace)
    assert field_docstrings(namespace["Typed"]) == {}


def test_schemas_show_them() -> None:
    assert described(Base) == field_docstrings(Base)
    assert described(Derived) == field_docstrings(Derived) | {"named": "by itself"}
    assert described(Holder) == {"part": "A part."}
    assert Holder.model_json_schema()["$defs"]["Base"]["properties"]["size"]["description"] == "Side in pixels."


def test_families_have_those_of_the_types_they_are_derived_from() -> None:
    assert described(searchable(Base)) == field_docstrings(Base)
    assert described(searchable(Holder)) == {"part": "A part."}
