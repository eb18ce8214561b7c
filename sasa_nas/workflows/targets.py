"""Lookup of a target: a network's name, a file, or the folder of a run, a trial, a training or an export."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

from sasa_nas.errors import UserError
from sasa_nas.models.registry import unknown_name
from sasa_nas.nodes import resolve as resolve_reference
from sasa_nas.run import RunFolder, TrainingFolder, TrialFolder
from sasa_nas.run.trained import architecture_file
from sasa_nas.space import Architecture, NetworkDescription, load_network
from sasa_nas.tasks import TASKS

Network = TypeVar("Network", bound=NetworkDescription)


@dataclass(frozen=True)
class Trial:
    """A trial of a run, by its folder."""

    run: RunFolder
    number: int
    folder: TrialFolder


@dataclass(frozen=True)
class NetworkFolder:
    """Any other folder that may hold a network: an export, or the copy of a trial."""

    folder: TrialFolder


Target: TypeAlias = NetworkDescription | RunFolder | Trial | TrainingFolder | NetworkFolder
"""A network without weights, or a folder by its kind."""

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
        target: Name, file or folder, as for `resolve`; of a folder, the network that it holds is returned.

    Raises:
        UserError: See `resolve`; and if the folder is a whole run, or holds no network.
    """
    found = resolve(target)
    match found:
        case NetworkDescription():
            return found
        case RunFolder() | TrainingFolder():
            return load_network(architecture_file(found.path))
        case Trial() | NetworkFolder():
            return load_network(architecture_file(found.folder.path))


def resolve(target: str) -> Target:
    """Return the object that `target` names.

    Args:
        target: A named network, which goes before a file or folder of the same name; a JSON or YAML file that describes
            a network; or the folder of a run, of one of its trials, of a training, or of an export.

    Raises:
        UserError: If it is none of these; the message names the network it may have meant.
    """
    named = [resolve_reference(task.named) for task in TASKS.values()]
    for networks in named:
        if target in networks:
            network: NetworkDescription = networks[target]()
            return network
    path = Path(target)
    try:
        if path.is_dir():
            return _of_folder(path)
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


def _of_folder(path: Path) -> RunFolder | Trial | TrainingFolder | NetworkFolder:
    if RunFolder(path).info.is_file():
        return RunFolder(path)
    if TrainingFolder(path).info.is_file():
        return TrainingFolder(path)
    # RUN/trials/0003
    place = path.resolve()
    run = RunFolder(place.parent.parent)
    if run.info.is_file() and place.name.isdecimal():
        return Trial(run, int(place.name), TrialFolder(path))
    return NetworkFolder(TrialFolder(path))
