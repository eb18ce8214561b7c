"""Reading of descriptions from YAML and JSON files, and of values in YAML."""

import difflib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from sasa_nas.documents.strict_yaml import StrictLoader, check_count
from sasa_nas.documents.validation import DescriptionError, path_of
from sasa_nas.errors import one_line
from sasa_nas.files import read_bytes

_MOST_BYTES = 2**18
"""Most bytes of a file; the largest that ships has three thousand."""


def find_document(name: str | Path, shipped: Mapping[str, Path], *, sort: str) -> Path:
    """Return the file of a description that ships with the package, or the file at a path.

    Args:
        name: Name of a shipped description, or a path.
        shipped: Files of the shipped descriptions by name.
        sort: Name of the sort of described thing, for the error.

    Raises:
        DescriptionError: If there is neither; the message names the most similar of the shipped ones.
    """
    path = shipped.get(str(name), Path(name))
    if str(name) not in shipped and not _is_file(path):
        near = difflib.get_close_matches(str(name), shipped, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        shown = " ".join(str(name).split())
        raise DescriptionError(f"no {sort} '{shown}': {hint}shipped: {', '.join(shipped)}; or give a file's path")
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for a file's, say
        return False


def parse_value(text: str, source: str) -> Any:
    """Parse a value in YAML: a number, a word, `true`, `null`, `{kind: conv}`.

    Args:
        text: The value.
        source: Name of its source, for the error.

    Raises:
        DescriptionError: If it is no valid YAML.
    """
    try:
        value = yaml.load(text, StrictLoader)
        _check_values(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DescriptionError(f"'{source}': the value cannot be read: {one_line(error)}") from error
    return value


def read_document(path: Path) -> dict[str, Any]:
    """Return the named fields of a YAML or, by its suffix, JSON file.

    Raises:
        DescriptionError: If it cannot be read, is invalid, or holds something else.
    """
    try:
        text = _read_text(path)
        data = _parse_json(text) if path.suffix == ".json" else yaml.load(text, StrictLoader)
        _check_values(data)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise DescriptionError(f"{path}: cannot be read: {reason}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise DescriptionError(f"{path}: {where}{error.problem}") from error
    # a ValueError is a number of too many digits, or what is wrong with the JSON or the values
    except (yaml.YAMLError, ValueError) as error:
        raise DescriptionError(f"{path}: {one_line(error)}") from error
    except RecursionError as error:
        raise DescriptionError(f"{path}: is nested too deeply") from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise DescriptionError(f"{path}: must hold named fields at its top level")
    return data


def _read_text(path: Path) -> str:
    """Return a file's text, without a byte order mark, as written by editors on Windows."""
    return read_bytes(path, _MOST_BYTES, follow=True).decode("utf-8-sig")


def _parse_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_without_twins)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"'{key}' is given twice")
        found[key] = value
    return found


def _check_values(data: Any) -> None:
    """Check that there are not too many values, and that every number is finite.

    Raises:
        ValueError: If there are, or one is not.
        RecursionError: If they are nested too deeply.
    """
    for count, (place, value) in enumerate(_values(data, ()), 1):
        check_count(count)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{path_of(place)} = {value}: must be a finite number")


def _values(node: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield `node` and every value below it, with its path."""
    yield place, node
    if isinstance(node, dict):
        for key, item in node.items():
            yield from _values(item, (*place, str(key)))
    elif isinstance(node, list):
        for i, item in enumerate(node):
            yield from _values(item, (*place, i))
