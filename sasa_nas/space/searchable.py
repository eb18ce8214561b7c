"""Derivation of the type of a family of designs from the type of one design.

`searchable(Architecture)` is the same tree in which any value may instead be `{choice: [...]}` or, for a number,
`{range: [low, high, step]}`. Options of a choice may be sub-trees with choices, so that conditional parameters need no
extra concept. Nothing is declared twice: a field added to `Architecture` can be searched over at once, with the same
checks, documentation and JSON Schema.
"""

import functools
import types
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from sasa_nas.nodes import Node, OneOf

T = TypeVar("T")
Number = int | float
MOST_VALUES = 1000
"""Most numbers of a range."""

VALUE, CHOICE, RANGE = "<value>", "<choice>", "<range>"
"""Tags of the three forms; error locations omit tags in angle brackets."""


class Family(Node):
    """Base of the derived types, with a deferred build of their validators for a fast import."""

    model_config = ConfigDict(defer_build=True)


class Choice(Family, Generic[T]):
    """One of several values, all equally likely at first."""

    choice: Annotated[tuple[T, ...], Field(min_length=1, description="The options; an option may itself hold choices.")]

    @model_validator(mode="after")
    def _options_differ(self) -> "Choice[T]":
        """Refuse repeated options, which would be drawn more often."""
        for i, option in enumerate(self.choice):
            # 1, 1.0 and True are equal in Python
            if any(option == other and type(option) is type(other) for other in self.choice[:i]):
                raise PydanticCustomError(
                    "misfit",
                    "the option {option} is given twice; leave one out",
                    {"field": f"choice[{i}]", "option": option if isinstance(option, str | int | float) else i},
                )
        return self


def _three_numbers(value: Any) -> Any:
    numbers = isinstance(value, list | tuple) and all(type(item) in (int, float) for item in value)
    if not numbers or len(value) != 3:
        raise PydanticCustomError("range", "must be three numbers: [low, high, step]")
    return value


class Range(Node):
    """A number between two bounds, both included."""

    range: Annotated[tuple[Number, Number, Number], BeforeValidator(_three_numbers)]
    """Lowest value, highest value, and the step between neighbours."""

    def values(self) -> list[Number]:
        """Return all numbers of the range, in ascending order."""
        # in decimals, as they are written: 0.1 + 2 * 0.1 is meant to be 0.3
        low, high, step = (Decimal(str(number)) for number in self.range)
        number = int if all(isinstance(part, int) for part in self.range) else float
        return [number(low + step * i) for i in range(int((high - low) / step) + 1)]

    def nearest(self, number: Number) -> Number:
        """Return the number of the range that is nearest to `number`, which a sampler may have rounded differently."""
        return min(self.values(), key=lambda value: abs(value - number))


def _check_bounds(node: Range) -> Range:
    low, high, step = (Decimal(str(number)) for number in node.range)
    shown = f"range [{low}, {high}, {step}]"
    if step <= 0 or high < low:
        raise ValueError(f"{shown} must ascend: [low, high, step] with low <= high, step > 0")
    if (high - low) / step >= MOST_VALUES:
        raise ValueError(f"{shown} has more than {MOST_VALUES} numbers: a larger step, or bounds closer together")
    if (high - low) % step:
        raise ValueError(f"{shown}: the step must lead from {low} to {high} exactly")
    return node


def _check_values(node: Range, *, adapter: TypeAdapter[Any]) -> Range:
    """Check each value of the range against the field's own type."""
    for value in node.values():
        adapter.validate_python(value)
    return node


def _form(value: Any) -> str:
    """Return the form, one of three, of a value, parsed or not."""
    if isinstance(value, Choice) or (isinstance(value, dict) and "choice" in value):
        return CHOICE
    if isinstance(value, Range) or (isinstance(value, dict) and "range" in value):
        return RANGE
    return VALUE


@functools.cache
def searchable(model: type[BaseModel]) -> type[Node]:
    """Return the type of families of a model.

    Args:
        model: A type whose fields are scalars, literals, other models, unions of models discriminated by
            `kind`, or tuples of these.

    Returns:
        A type with the same fields, defaults and documentation, in which every field but `kind` may also be
        a `Choice` of its values or, for a number, a `Range`.
    """
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name == "kind":
            fields[name] = (field.annotation, field)
        else:
            default = _searchable_default(field.default)
            fields[name] = (_searchable_field(field), Field(default=default, description=field.description))
    derived = create_model(f"{model.__name__}Space", __base__=Family, __doc__=model.__doc__, **fields)
    derived.documented_by = model
    return derived


def _searchable_default(default: Any) -> Any:
    """Return a default value for the derived types."""
    if isinstance(default, BaseModel):
        # it is valid where it comes from, and checking it would build the type's checks
        fields = {name: _searchable_default(getattr(default, name)) for name in type(default).model_fields}
        return searchable(type(default)).model_construct(**fields)
    return default


def _searchable_field(field: FieldInfo) -> Any:
    """Return the annotation of a field that may hold a value, a choice or a range."""
    plain = _with_metadata(field)
    value = _searchable_annotation(plain)
    forms = [Annotated[value, Tag(VALUE)], Annotated[Choice[value], Tag(CHOICE)]]  # type: ignore[valid-type]
    if _is_number(field.annotation):
        checks = AfterValidator(functools.partial(_check_values, adapter=_adapter(plain)))
        forms.append(Annotated[Range, AfterValidator(_check_bounds), checks, Tag(RANGE)])
    return Annotated[_union(forms), Discriminator(_form)]


def _adapter(number: Any) -> TypeAdapter[Any]:
    return TypeAdapter(number, config=ConfigDict(defer_build=True))


def _with_metadata(field: FieldInfo) -> Any:
    """Return a field's annotation with the constraints that pydantic stores separately."""
    constraints = tuple(field.metadata)
    if field.discriminator is not None:
        constraints += (Field(discriminator=field.discriminator),)
    if field.json_schema_extra is not None:
        constraints += (Field(json_schema_extra=field.json_schema_extra),)
    annotation: Any = field.annotation
    for constraint in constraints:
        annotation = Annotated[annotation, constraint]
    return annotation


def _searchable_annotation(annotation: Any) -> Any:
    """Return `annotation` with every model inside it replaced by its family."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        rebuilt = _searchable_annotation(inner)
        for item in metadata:
            kinds = OneOf(item.registry, searchable) if isinstance(item, OneOf) else item
            rebuilt = Annotated[rebuilt, kinds]
        return rebuilt
    if origin in (Union, types.UnionType):
        return _union([_searchable_annotation(arm) for arm in get_args(annotation)])
    if origin is tuple:
        item, _ = get_args(annotation)
        return tuple[_searchable_annotation(item), ...]  # type: ignore[misc]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return searchable(annotation)
    return annotation


def _is_number(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _is_number(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return False
    return annotation in (int, float)


def _union(arms: list[Any]) -> Any:
    combine: Callable[[Any, Any], Any] = lambda left, right: Union[left, right]  # noqa: E731, UP007
    return functools.reduce(combine, arms)
