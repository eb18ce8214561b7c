"""Text of a module that stands alone: the definitions that some classes need, between a header and a footer."""

import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from torch import nn

from sasa_nas.exporting.bundle import Bundle, Section, bundle
from sasa_nas.exporting.card import plain_line
from sasa_nas.exporting.own_layers import own_layers
from sasa_nas.exporting.sources import Import, Sources

_IMPORT_LENGTH = 88
"""Most columns of an import, the default of common formatters."""

_OPERATORS = """\
# What stands above is plain PyTorch and all that this network needs. Where sasa-nas is installed, its
# kernels compute the same functions faster and take over.
try:
    {statement}
except ImportError:
    pass
"""


def module_text(
    classes: Iterable[type[nn.Module]], *, header: str, footer: str, imports: Iterable[Import], own_names: set[str]
) -> str:
    """Return the source of a module: a header, imports, all that some classes need, and a footer.

    Args:
        classes: Layers of the package or of registered parts.
        header: Comments and docstring.
        footer: Functions below the classes.
        imports: Imports that the footer needs.
        own_names: Names that the footer defines.

    Raises:
        ValueError: If a layer cannot be carried over.
    """
    roots = [("sasa_nas.exporting.safetensors_reader", "read_safetensors")]
    roots += sorted((owner.__module__, owner.__name__) for owner in classes)
    files = {layer.__module__: file for layer, file in own_layers().items()}
    found = bundle(roots, Sources("sasa_nas", Path(__file__).parents[1], files))
    clashing = found.names & own_names
    if clashing:
        raise ValueError(f"the layers define {', '.join(sorted(clashing))}, names that the file keeps for itself")
    first, *others = _sections(found)
    # One blank line before the comment that heads the first section, as import sorters want it.
    return "\n\n".join([f"{header}\n{import_block({*found.imports, *imports})}\n{first}", *others, footer])


def comment(text: str) -> str:
    """Return text that is safe in a file's first line, where `coding:` would set the file's encoding (PEP 263).

    In the encoding `unicode_escape`, for instance, the characters of a line break's escape end a comment.
    """
    return re.sub("coding(?=[:=])", "coding ", plain_line(text))


def import_block(imports: Iterable[Import]) -> str:
    """Return import statements in isort's order: the standard library, then torch.

    Args:
        imports: The imports, each bound name once.
    """
    groups = [
        [i for i in imports if (i.module.partition(".")[0] == "torch") is torch_too] for torch_too in (False, True)
    ]
    return "\n".join(_import_group(group) for group in groups if group)


def _import_group(imports: Iterable[Import]) -> str:
    whole = sorted((i for i in imports if i.name is None), key=lambda i: i.module)
    lines = [f"import {i.module}" + (f" as {i.bound}" if i.bound != i.module else "") for i in whole]
    parts = sorted((i for i in imports if i.name is not None), key=lambda i: i.module)
    for module, names in groupby(parts, key=lambda i: i.module):
        plain: list[Import] = []
        renamed: list[Import] = []
        for item in names:
            (plain if item.name == item.bound else renamed).append(item)
        # isort gives every renamed import a statement of its own.
        lines += [f"from {module} import {i.name} as {i.bound}" for i in sorted(renamed, key=lambda i: i.bound)]
        if plain:
            lines.append(from_import(module, [i.bound for i in plain]))
    return "".join(f"{line}\n" for line in lines)


def from_import(module: str, names: Iterable[str], *, indent: int = 0) -> str:
    """Return an import of names from a module, on several lines if it is long."""
    ordered = sorted(names, key=_isort_key)
    line = f"from {module} import {', '.join(ordered)}"
    if indent + len(line) <= _IMPORT_LENGTH:
        return line
    inner = " " * (indent + 4)
    return f"from {module} import (\n" + "".join(f"{inner}{name},\n" for name in ordered) + " " * indent + ")"


def _isort_key(name: str) -> tuple[int, str]:
    """Return a sort key: constants, then classes, then functions."""
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1 if name[0].isupper() else 2), name


def _sections(found: Bundle) -> list[str]:
    operators = [_section(section) for section in found.sections if section.is_operator]
    layers = [_section(section) for section in found.sections if not section.is_operator]
    if found.operators:
        statement = from_import("sasa_nas.ops", found.operators, indent=4)
        operators.append(_OPERATORS.format(statement=statement))
    return operators + layers


def _section(section: Section) -> str:
    path = section.module.replace(".", "/")
    heading = f"# --- {path}.py\n# {section.title}"
    return f"{heading}\n\n\n" + "\n\n\n".join(definition.text for definition in section.definitions) + "\n"
