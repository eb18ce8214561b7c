"""References to objects by text, so that a description can point to code without importing it."""

import importlib
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

Reference: TypeAlias = str | Any
"""`module:name`, or the object itself."""


def resolve(reference: Reference) -> Any:
    """Return the object that a reference points to.

    Args:
        reference: `module:name`, whose module is imported if it is not yet; or the object itself.

    Raises:
        ValueError: If the text has another form.
        ImportError: If there is no such module, or it has no such name.

    Examples:
        >>> resolve("math:sqrt")(9)
        3.0
    """
    if not isinstance(reference, str):
        return reference
    module, colon, name = reference.partition(":")
    if not (module and colon and name.isidentifier()):
        raise ValueError(f"'{reference}' is no reference; write module:name")
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError as error:
        raise ImportError(f"module {module} has no '{name}'") from error


def accepts(function: Callable[..., Any], argument: str) -> bool:
    """Return True if a function, or a class's constructor, has an argument of this name."""
    return argument in inspect.signature(function).parameters
