"""A network by whatever a person calls it: its name, a file, or a trained network's folder."""

from pathlib import Path

from sasa_nas.errors import UserError
from sasa_nas.models import list_models, model_architecture
from sasa_nas.detection.named import list_detectors, model_detector
from sasa_nas.models.registry import unknown_name
from sasa_nas.run.trained import architecture_file
from sasa_nas.space import Architecture
from sasa_nas.detection.description import Detector
from sasa_nas.space.files import load_network

_SUFFIXES = (".json", ".yaml", ".yml")


def find_architecture(target: str) -> Architecture:
    """The classifier that `target` means, as `find_network`.

    Raises:
        UserError: If it is none; the message names the network it may have meant.
    """
    network = find_network(target)
    if isinstance(network, Detector):
        raise UserError(f"'{target}' is a detector, and a classifier is needed; its `backbone` would do")
    return network


def find_network(target: str) -> Architecture | Detector:
    """The classifier or the detector that `target` means.

    Args:
        target: A named network, which goes before a file of the same name; a JSON or YAML file; or the folder of a
            trial, of an outright training, or of an export.

    Raises:
        UserError: If it is none of these; the message names the network it may have meant.
    """
    if target in list_models():
        return model_architecture(target)
    if target in list_detectors():
        return model_detector(target)
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
    raise UserError(unknown_name(target, (*list_models(), *list_detectors())))
