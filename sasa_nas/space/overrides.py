"""Changes to single fields of a design by texts such as `stages[0].operator.kernel_size=11`."""

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from sasa_nas.documents import assign
from sasa_nas.nodes import Node
from sasa_nas.space.validation_errors import space_error

Design = TypeVar("Design", bound=Node)


def overridden(design: Design, assignments: Sequence[str]) -> Design:
    """Return a copy of `design` with some fields changed, one assignment after the other.

    An index `*` means every stage. A value is written as in a YAML file. Assigning a `kind` resets the other fields of
    that operator or stem to the defaults of the new kind, which later assignments may change. The result is validated
    once, at the end.

    Args:
        design: The design, such as an architecture.
        assignments: Texts of the form `path=value`.

    Raises:
        DescriptionError: If an assignment has another form, its path does not exist, or the result is invalid.
    """
    data: dict[str, Any] = design.model_dump(mode="json")
    assign(data, assignments, of=type(design), example="stages[0].operator.kernel_size=11")
    try:
        return type(design).model_validate(data)
    except ValidationError as error:
        raise space_error("with these changes", error) from error
