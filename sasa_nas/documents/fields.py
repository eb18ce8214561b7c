"""Types of the objects that fields of descriptions may hold."""

from typing import Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

from sasa_nas.nodes import Node, OneOf


def node_type(annotation: Any, kind: object) -> type[Node] | None:
    """Return the type of an object that a field, or an item of the field's list, may hold.

    Args:
        annotation: Annotation of the field, or pydantic's facts about it.
        kind: The object's `kind`, if it has one; it chooses between several types.

    Returns:
        The type; None if there is none, or none of this kind.
    """
    if isinstance(annotation, FieldInfo):
        held, *facts = annotation.annotation, *annotation.metadata
    elif get_origin(annotation) is Annotated:
        held, *facts = get_args(annotation)
    else:
        held, facts = annotation, []
    for fact in facts:
        if isinstance(fact, OneOf):
            return fact.type_of(kind)
    if isinstance(held, type) and issubclass(held, Node):
        own = held.model_fields.get("kind")
        return held if own is None or own.default == kind else None
    # a union's members, or a list's items
    return next((found for one in get_args(held) if (found := node_type(one, kind)) is not None), None)
