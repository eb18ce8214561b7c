"""Exports a trained network as a folder that can be imported."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from sasa_nas.errors import UserError, one_line
from sasa_nas.export.card import ModelCard, render_card
from sasa_nas.export.model_file import WEIGHTS_FILE, model_source
from sasa_nas.export.weights import check_weights, save_weights
from sasa_nas.space.architecture import Architecture

_MARKS = {"architecture.json", "model.py", WEIGHTS_FILE}
"""Files by which a folder is known for an earlier export."""

_FILES = _MARKS | {"__init__.py", "README.md"}

_CACHES = {"__pycache__"}
"""What Python leaves in a folder that it imports from."""

_INIT = '''\
"""{title}."""

from .model import ResNet, build, load

__all__ = ["ResNet", "build", "load"]
'''


def export_module(architecture: Architecture, weights: Mapping[str, Tensor], folder: Path, card: ModelCard) -> Path:
    """Writes a trained network as a package that needs torch alone.

    The folder holds `model.py` (everything that the network needs, with `build()` and `load()`),
    `__init__.py`, `architecture.json`, `weights.safetensors` and a model card, `README.md`. It appears
    whole or not at all.

    Args:
        architecture: The network.
        weights: Its state dict.
        folder: Where to write. It must not exist, be empty, or hold an earlier export and nothing else; the
            latter is replaced.
        card: What the model card says beyond what the architecture tells.

    Returns:
        `folder`.

    Raises:
        UserError: If the weights are those of another network, or the folder holds other files or cannot be
            written.
        ValueError: If a layer of the network cannot be carried over.
    """
    check_weights(architecture, weights)
    target = folder.resolve()
    _require_replaceable(target, folder)
    texts = {
        "model.py": model_source(architecture, title=f"{card.name}: a network exported from sasa-nas"),
        "__init__.py": _INIT.format(title=f"The network of architecture {architecture.id}; see README.md"),
        "architecture.json": architecture.to_json(),
        "README.md": render_card(card, architecture),
    }
    try:
        _write_folder(target, texts, weights)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {one_line(error)}; choose another folder") from error
    return folder


def _require_replaceable(target: Path, given: Path) -> None:
    """Raises where writing to `target` would cost somebody a file."""
    try:
        if not target.exists():
            return
        if not target.is_dir():
            raise UserError(f"{given} is a file; choose a folder")
        found = {path.name for path in target.iterdir()}
    except OSError as error:
        raise UserError(f"{given} cannot be read: {one_line(error)}; choose another folder") from error
    if not found:
        return
    if not found >= _MARKS:
        raise UserError(f"{given} is not empty and no earlier export; choose another folder or empty it")
    foreign = sorted(found - _FILES - _CACHES)
    if foreign:
        raise UserError(
            f"{given} is an earlier export that also holds {foreign[0]}, which would be lost; "
            "move it away or choose another folder"
        )


def _write_folder(target: Path, texts: Mapping[str, str], weights: Mapping[str, Tensor]) -> None:
    """Fills a folder beside `target`, then puts it in the place of `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Both the new folder and the one it replaces stay on the target's file system, where renaming is atomic.
    workplace = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        new, old = workplace / "new", workplace / "old"
        new.mkdir()
        for name, text in texts.items():
            (new / name).write_text(text, encoding="utf-8")
        save_weights(new / WEIGHTS_FILE, weights)
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
