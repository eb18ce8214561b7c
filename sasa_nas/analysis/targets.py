"""An architecture by whatever a person calls it: a network's name, a file, or a trial's folder."""

from pathlib import Path

from sasa_nas.errors import UserError
from sasa_nas.models import list_models, model_architecture
from sasa_nas.run.trained import architecture_file
from sasa_nas.space import Architecture, load_architecture

_SUFFIXES = (".json", ".yaml", ".yml")


def find_architecture(target: str) -> Architecture:
    """The architecture that `target` means.

    Args:
        target: A named network, which goes before a file of the same name; a JSON or YAML file; or a trial's folder.

    Raises:
        UserError: If it is none of these; the message names the network it may have meant.
    """
    if target in list_models():
        return model_architecture(target)
    path = Path(target)
    try:
        if path.is_dir():
            return load_architecture(architecture_file(path))
        if path.is_file():
            return load_architecture(path)
    except OSError:
        # a name too long for a file's, say; the error below shows it
        pass
    if path.suffix.lower() in _SUFFIXES or len(path.parts) > 1:
        raise UserError(
            f"there is no file or folder '{target}'; give a network's name, an architecture's file, or a trial's folder"
        )
    return model_architecture(target)
