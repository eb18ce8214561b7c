"""Reading of search spaces and architectures from files, by path or by the name of a built-in space."""

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sasa_nas.errors import one_line
from sasa_nas.files import read_bytes
from sasa_nas.nodes import resolve
from sasa_nas.operators.plugins import load_operators
from sasa_nas.space.architecture import Architecture
from sasa_nas.space.network import NetworkDescription
from sasa_nas.space.search_space import SearchSpace
from sasa_nas.space.validation_errors import SpaceError, path_of, space_error
from sasa_nas.tasks import TASKS, described_task

_MOST_BYTES = 2**18
"""Most bytes of a file; the largest built-in space has three thousand."""
_MOST_VALUES = 20_000
"""Most values of a file, with each alias counted as often as it is used: a few lines can stand for 10^60 of them."""


class _Loader(yaml.SafeLoader):
    """A stricter loader of YAML.

    1e8 is a number. Repeated keys are errors, and so are 016 and 1:00, which YAML 1.1 reads as 14 and 60.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._values = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next node, unless there are too many."""
        self._values += 1
        _check_count(self._values)
        return super().compose_node(parent, index)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge the mappings of `<<` into a mapping, unless it becomes too large."""
        super().flatten_mapping(node)
        _check_count(len(node.value))

    def construct_plain_number(self, node: yaml.ScalarNode) -> int | float:
        """Return a number, which must be decimal and without colons."""
        text = node.value.replace("_", "")
        digits = text.lstrip("+-")
        if ":" in text or (len(digits) > 1 and digits[0] == "0" and digits[1].isalnum() and digits[1] not in "eE"):
            shown = digits.lstrip("0") or "0"
            meant = f"write {shown}" if shown.isdigit() else "write a decimal number"
            raise yaml.constructor.ConstructorError(
                None, None, f"{node.value} is read as different numbers by different programs; {meant}", node.start_mark
            )
        if node.tag == "tag:yaml.org,2002:int":
            return int(self.construct_yaml_int(node))
        return float(self.construct_yaml_float(node))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping, which must have no repeated key."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a field's name must be plain", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


for _tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
    _Loader.add_constructor(_tag, _Loader.construct_plain_number)


def shipped_spaces() -> dict[str, Path]:
    """Return the files of the built-in search spaces by name."""
    folder = Path(str(resources.files("sasa_nas") / "search_spaces"))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_space(name: str | Path) -> SearchSpace:
    """Return a search space by the name of a built-in one or by the path of a YAML or JSON file.

    A file may name files of operators, `operators: [mine.py]`, relative to itself; these are executed.

    Raises:
        SpaceError: If there is no such space, or its file is invalid; the message names the file, the path in the
            tree, the value and the allowed ones.

    Examples:
        >>> load_space("tiny").proxy.dataset
        'digits'
    """
    shipped = shipped_spaces()
    path = shipped.get(str(name), Path(name))
    if str(name) not in shipped and not _is_file(path):
        near = difflib.get_close_matches(str(name), shipped, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        shown = " ".join(str(name).split())
        raise SpaceError(f"no search space '{shown}': {hint}shipped: {', '.join(shipped)}; or give a file's path")
    data = _read_tree(path)
    data.setdefault("name", path.stem)
    _load_operators(data.pop("operators", []), path)
    return validate_space(data, str(path))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for a file's, say
        return False


def _load_operators(names: Any, path: Path) -> None:
    """Load the files of operators that a space's file names, by paths relative to it."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SpaceError(f"{path}: operators = {names!r}: must be a list of Python files")
    for name in names:
        load_operators(path.parent / name)


def validate_space(data: dict[str, Any], source: str) -> SearchSpace:
    """Return a search space from plain data; `source` is its name in errors.

    Raises:
        SpaceError: If the data do not describe a search space.
    """
    try:
        space: SearchSpace = SearchSpace.model_validate(data)
    except ValidationError as error:
        raise space_error(source, error) from error
    return space


def trained_part(space: Mapping[str, Any]) -> SearchSpace:
    """Return a recorded space without what does not affect the training of its proxies: limits, target, description.

    Raises:
        SpaceError: If the data do not describe a search space.
    """
    kept = {name: value for name, value in space.items() if name not in ("description", "limits", "target")}
    return validate_space(kept, "the recorded space")


def load_architecture(path: str | Path) -> Architecture:
    """Return the architecture that a JSON or YAML file describes.

    Raises:
        SpaceError: If the file cannot be read or does not describe an architecture.

    Examples:
        >>> load_architecture("runs/first/trials/0003/architecture.json").id  # doctest: +SKIP
    """
    network = load_network(path)
    if not isinstance(network, Architecture):
        raise SpaceError(
            f"{path}: describes a {TASKS[network.task].network}, where a classifier's architecture is needed"
        )
    return network


def load_network(path: str | Path) -> NetworkDescription:
    """Return the network that a JSON or YAML file describes: a classifier's architecture, or that of another task.

    Raises:
        SpaceError: If the file cannot be read or does not describe a network.
    """
    path = Path(path)
    tree = _read_tree(path)
    description: type[NetworkDescription] = resolve(described_task(tree).description)
    try:
        return description.model_validate(tree)
    except ValidationError as error:
        raise space_error(str(path), error) from error


def parse_value(text: str, source: str) -> Any:
    """Parse a value in YAML: a number, a word, `true`, `null`, `{kind: conv}`.

    Args:
        text: The value.
        source: Name of its source, for the error.

    Raises:
        SpaceError: If it is no valid YAML.
    """
    try:
        value = yaml.load(text, _Loader)
        _check_values(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SpaceError(f"'{source}': the value cannot be read: {one_line(error)}") from error
    return value


def _read_tree(path: Path) -> dict[str, Any]:
    try:
        text = _read_text(path)
        data = _parse_json(text) if path.suffix == ".json" else yaml.load(text, _Loader)
        _check_values(data)
    except (OSError, UnicodeDecodeError) as error:
        raise SpaceError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or one_line(error)}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise SpaceError(f"{path}: {where}{error.problem}") from error
    # a ValueError is a number of too many digits, or what is wrong with the JSON or the values
    except (yaml.YAMLError, ValueError) as error:
        raise SpaceError(f"{path}: {one_line(error)}") from error
    except RecursionError as error:
        raise SpaceError(f"{path}: is nested too deeply") from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise SpaceError(f"{path}: must hold named fields at its top level")
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


def _check_count(values: int) -> None:
    if values > _MOST_VALUES:
        raise ValueError(f"holds more than {_MOST_VALUES:,} values, each alias counted as often as it is used")


def _check_values(data: Any) -> None:
    """Check that there are not too many values, and that every number is finite.

    Raises:
        ValueError: If there are, or one is not.
        RecursionError: If they are nested too deeply.
    """
    for count, (place, value) in enumerate(_values(data, ()), 1):
        _check_count(count)
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
