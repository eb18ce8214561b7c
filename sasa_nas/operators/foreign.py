"""Operators known from records alone, to read a run without the code of its operators."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic_core import to_jsonable_python

from sasa_nas.operators.base import Operator
from sasa_nas.operators.registry import COLOUR, KIND, LETTER, OPERATORS, SHORT, OperatorEntry


def _no_member(name: str) -> str:
    if hasattr(Operator, name) or name == "kind":
        raise ValueError("an option cannot have the name of a member of every operator")
    return name


Colour = Annotated[str, Field(pattern=COLOUR)]
Option = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$"), AfterValidator(_no_member)]
"""Name of an option, a field of the type that is made from the record."""


class RecordedKind(BaseModel):
    """Record, in a run, of a kind of operator from outside the package."""

    model_config = ConfigDict(frozen=True)

    kind: Annotated[str, Field(pattern=KIND)]
    short: Annotated[str, Field(pattern=SHORT)]
    letter: Annotated[str, Field(pattern=LETTER)]
    colour: tuple[Colour, Colour]
    defaults: dict[Option, Any]
    """Default value of each option, by the option's name."""
    required: tuple[Option, ...] = ()
    """Options without a default."""

    @staticmethod
    def of(kind: str) -> "RecordedKind":
        """Return the record of a registered kind."""
        entry = OPERATORS[kind]
        fields = {name: field for name, field in entry.description.model_fields.items() if name != "kind"}
        return RecordedKind(
            kind=kind,
            short=entry.short,
            letter=entry.letter,
            colour=entry.colour,
            defaults={
                name: to_jsonable_python(field.default) for name, field in fields.items() if not field.is_required()
            },
            required=tuple(name for name, field in fields.items() if field.is_required()),
        )


def register_foreign(recorded: RecordedKind) -> None:
    """Register a kind by its record, unless it is registered; it can be read and named, but not built.

    Args:
        recorded: The record.
    """
    if OPERATORS.knows(recorded.kind):
        return
    options: dict[str, Any] = {name: (Any, default) for name, default in recorded.defaults.items()}
    options |= dict.fromkeys(recorded.required, (Any, ...))
    kind: Any = Literal[recorded.kind]
    description: type[Operator] = create_model(
        f"Recorded_{recorded.kind}", __base__=Operator, kind=(kind, recorded.kind), **options
    )
    OPERATORS.add(
        OperatorEntry(
            description=description,
            short=recorded.short,
            letter=recorded.letter,
            colour=recorded.colour,
            layer=None,
            count=None,
            foreign=True,
        )
    )
