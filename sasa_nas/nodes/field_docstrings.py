"""Docstrings of a model's fields, which stand below them in its source."""

import ast
import functools
import inspect
import textwrap

from pydantic import BaseModel


@functools.cache
def field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings of fields by name, those that a model inherits included.

    A model without a source, such as one that was made by a call, has the docstrings of its bases alone.

    Args:
        model: The model.

    Examples:
        >>> from sasa_nas.recipes import FullRecipe
        >>> sorted(field_docstrings(FullRecipe))[:2]
        ['batch_size', 'clip_norm']
    """
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _own(base)
    return {name: text for name, text in found.items() if name in model.model_fields}


def _own(cls: type) -> dict[str, str]:
    """Return the strings below the annotations of a class's own body."""
    try:
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}
    if not isinstance(body, ast.ClassDef):
        return {}
    found = {}
    for statement, below in zip(body.body, body.body[1:], strict=False):
        match statement, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
