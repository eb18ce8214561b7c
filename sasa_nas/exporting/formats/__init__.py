"""Formats of exports, one file each, with a `FORMAT` that describes it. Their names need no import of torch."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from sasa_nas.nodes import Reference

FORMATS: dict[str, Reference] = {
    module.name: f"{__name__}.{module.name}:FORMAT" for module in pkgutil.iter_modules(__path__)
}
"""The `export.format.Format` of every format, by its name."""


def register_format(name: str, description: Reference) -> None:
    """Register a format of exports.

    Args:
        name: Name of the format on the command line.
        description: An `export.format.Format`, or `module:name` of one.

    Raises:
        ValueError: If the name is taken.
    """
    if name in FORMATS:
        raise ValueError(f"the format '{name}' is registered already; choose another name")
    FORMATS[name] = description


def parse_formats(names: str | Sequence[str]) -> tuple[str, ...]:
    """Return formats by their names, in the order of `FORMATS`, none twice.

    Args:
        names: A sequence, or one text with commas between.

    Raises:
        UserError: If no format is named, or a name is unknown.
    """
    given = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    unknown = [name for name in given if name not in FORMATS]
    if unknown or not given:
        raise UserError(f"unknown --format '{unknown[0] if unknown else ''}'; there is: {', '.join(FORMATS)}")
    return tuple(known for known in FORMATS if known in given)
