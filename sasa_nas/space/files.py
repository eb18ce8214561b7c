"""Reading of search spaces and architectures from files, by path or by the name of a built-in space."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sasa_nas.documents import DescriptionError, find_document, read_document
from sasa_nas.nodes import resolve
from sasa_nas.operators.plugins import load_operators
from sasa_nas.space.architecture import Architecture
from sasa_nas.space.network import NetworkDescription
from sasa_nas.space.search_space import SearchSpace
from sasa_nas.space.validation_errors import space_error
from sasa_nas.tasks import TASKS, described_task


def shipped_spaces() -> dict[str, Path]:
    """Return the files of the built-in search spaces by name."""
    folder = Path(str(resources.files("sasa_nas") / "search_spaces"))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_space(name: str | Path) -> SearchSpace:
    """Return a search space by the name of a built-in one or by the path of a YAML or JSON file.

    A file may name files of operators, `operators: [mine.py]`, relative to itself; these are executed.

    Raises:
        DescriptionError: If there is no such space, or its file is invalid; the message names the file, the path in the
            tree, the value and the allowed ones.

    Examples:
        >>> load_space("tiny").proxy.dataset
        'digits'
    """
    path = find_document(name, shipped_spaces(), sort="search space")
    data = read_document(path)
    data.setdefault("name", path.stem)
    _load_operators(data.pop("operators", []), path)
    return validate_space(data, str(path))


def _load_operators(names: Any, path: Path) -> None:
    """Load the files of operators that a space's file names, by paths relative to it."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DescriptionError(f"{path}: operators = {names!r}: must be a list of Python files")
    for name in names:
        load_operators(path.parent / name)


def validate_space(data: dict[str, Any], source: str) -> SearchSpace:
    """Return a search space from plain data; `source` is its name in errors.

    Raises:
        DescriptionError: If the data do not describe a search space.
    """
    try:
        space: SearchSpace = SearchSpace.model_validate(data)
    except ValidationError as error:
        raise space_error(source, error) from error
    return space


def trained_part(space: Mapping[str, Any]) -> SearchSpace:
    """Return a recorded space without what does not affect the training of its proxies: limits, target, description.

    Raises:
        DescriptionError: If the data do not describe a search space.
    """
    kept = {name: value for name, value in space.items() if name not in ("description", "limits", "target")}
    return validate_space(kept, "the recorded space")


def load_architecture(path: str | Path) -> Architecture:
    """Return the architecture that a JSON or YAML file describes.

    Raises:
        DescriptionError: If the file cannot be read or does not describe an architecture.

    Examples:
        >>> load_architecture("runs/first/trials/0003/architecture.json").id  # doctest: +SKIP
    """
    network = load_network(path)
    if not isinstance(network, Architecture):
        raise DescriptionError(
            f"{path}: describes a {TASKS[network.task].network}, where a classifier's architecture is needed"
        )
    return network


def load_network(path: str | Path) -> NetworkDescription:
    """Return the network that a JSON or YAML file describes: a classifier's architecture, or that of another task.

    Raises:
        DescriptionError: If the file cannot be read or does not describe a network.
    """
    path = Path(path)
    tree = read_document(path)
    description: type[NetworkDescription] = resolve(described_task(tree).description)
    try:
        return description.model_validate(tree)
    except ValidationError as error:
        raise space_error(str(path), error) from error
