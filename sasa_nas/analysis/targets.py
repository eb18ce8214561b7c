"""Lookup of a network by its name, its file, or a trained network's folder."""

from pathlib import Path
from typing import TypeVar

from sasa_nas.errors import UserError
from sasa_nas.models.registry import unknown_name
from sasa_nas.nodes import resolve
from sasa_nas.run.trained import architecture_file
from sasa_nas.space import Architecture, NetworkDescription, load_network
from sasa_nas.tasks import TASKS

Network = TypeVar("Network", bound=NetworkDescription)

_SUFFIXES = (".json", ".yaml", ".yml")


def find_architecture(target: str) -> Architecture:
    """Return the classifier that `target` names; see `find_network`.

    Raises:
        UserError: If it is no classifier; the message names the network it may have meant.
    """
    network = find_network(target)
    if not isinstance(network, Architecture):
        task = TASKS[network.task]
        raise UserError(f"'{target}' is a {task.network}, and a classifier is needed; its `{task.field}` would do")
    return network


def find_to_train(target: str, description: type[Network]) -> Network:
    """Return the network that `target` names, for a command that trains networks of one task.

    Args:
        target: A name, a file or a folder, as for `find_network`.
        description: The type of the task's descriptions.

    Raises:
        UserError: If there is none, or it is for another task; the message names that task's command.
    """
    network = find_network(target)
    if not isinstance(network, description):
        task = TASKS[network.task]
        raise UserError(f"'{target}' is a {task.network}; use `sasa-nas {task.train}`")
    return network


def find_network(target: str) -> NetworkDescription:
    """Return the network of any task that `target` names.

    Args:
        target: A named network, which goes before a file of the same name; a JSON or YAML file; or the folder of a
            trial, of an outright training, or of an export.

    Raises:
        UserError: If it is none of these; the message names the network it may have meant.
    """
    named = [resolve(task.named) for task in TASKS.values()]
    for networks in named:
        if target in networks:
            network: NetworkDescription = networks[target]()
            return network
    path = Path(target)
    try:
        if path.is_dir():
            return load_network(architecture_file(path))
        if path.is_file():
            return load_network(path)
    except OSError:
        # a name too long for a file's, say; the error below shows it
        pass
    if path.suffix.lower() in _SUFFIXES or len(path.parts) > 1:
        raise UserError(
            f"there is no file or folder '{target}'; give a network's name, an architecture's file, or a trial's folder"
        )
    raise UserError(unknown_name(target, [name for networks in named for name in sorted(networks)]))
