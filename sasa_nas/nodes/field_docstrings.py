"""Docstrings of a model's fields, which stand below them in its source."""

import ast
import functools
import inspect
import sys
from collections.abc import Iterator

from pydantic import BaseModel


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
            found |= _of_module(base.__module__).get(base.__qualname__, {})
    return {name: text for name, text in found.items() if name in model.model_fields}


@functools.cache
def _of_module(name: str) -> dict[str, dict[str, str]]:
    """Return the docstrings of annotated fields of all classes in a module, by their qualified names.

    A file is parsed once, where `inspect.getsource` of a class parses it for each.
    """
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (KeyError, OSError, TypeError, SyntaxError, ValueError):
        return {}
    return {path: _of_class(body) for path, body in _classes(tree, "")}


def _classes(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """Yield the classes in a module or a class with their qualified names."""
    for statement in node.body:
        if isinstance(statement, ast.ClassDef):
            yield f"{prefix}{statement.name}", statement
            yield from _classes(statement, f"{prefix}{statement.name}.")


def _of_class(body: ast.ClassDef) -> dict[str, str]:
    """Return the strings below the annotations of a class's own body."""
    found = {}
    for statement, below in zip(body.body, body.body[1:], strict=False):
        match statement, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
