"""Export of a network as a folder that works without this package."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from sasa_nas.errors import UserError, one_line
from sasa_nas.exporting.card import ModelCard, render_card
from sasa_nas.exporting.format import Subject, all_formats, format_of
from sasa_nas.exporting.names import (
    ARCHITECTURE_FILE,
    CARD_FILE,
    CONFIG_FILE,
    EARLIER_WEIGHTS_FILE,
    WEIGHTS_FILE,
)
from sasa_nas.exporting.task_export import task_export
from sasa_nas.exporting.weights import check_weights, save_weights
from sasa_nas.files import make_directory
from sasa_nas.space.network import NetworkDescription

_WEIGHTS_FILES = {WEIGHTS_FILE, EARLIER_WEIGHTS_FILE}

_CACHES = {"__pycache__"}
"""Folders that Python makes in a folder that it imports from."""


def export_network(
    architecture: NetworkDescription,
    weights: Mapping[str, Tensor],
    folder: Path,
    card: ModelCard,
    formats: Sequence[str] = ("module",),
) -> Path:
    """Write a network in several formats, none of which needs this package.

    The folder has the layout of the Hugging Face Hub: `config.json`, `model.safetensors` and a model card, `README.md`;
    beside them `architecture.json` and the files of each format. It is written atomically.

    Args:
        architecture: The network.
        weights: State dict of the network.
        folder: Folder to write. It must not exist, be empty, or hold an earlier export and nothing else, which is
            replaced.
        card: Facts for the model card beyond the architecture.
        formats: Formats to write, at least one.

    Returns:
        `folder`.

    Raises:
        UserError: If the weights are those of another network, the folder holds other files or cannot be
            written, or packages for ONNX are missing.
        ValueError: If a layer of the network cannot be carried over.
    """
    written = [format_of(name) for name in formats]
    for one in written:
        one.require_writer()
    check_weights(architecture, weights)
    target = folder.resolve()
    _require_replaceable(target, folder)
    texts = {
        ARCHITECTURE_FILE: architecture.to_json(),
        CONFIG_FILE: json.dumps(task_export(architecture).config(card, architecture), indent=2) + "\n",
        CARD_FILE: render_card(card, architecture, formats),
    }
    subject = Subject(architecture, weights, card.name)

    def fill(new: Path) -> None:
        for name, text in texts.items():
            (new / name).write_text(text, encoding="utf-8")
        save_weights(new / WEIGHTS_FILE, weights)
        for one in written:
            one.write(subject, new)

    try:
        _write_folder(target, fill)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {one_line(error)}; choose another folder") from error
    return folder


def _own_files() -> set[str]:
    """Return the names of all files that an export may hold."""
    files = {name for one in all_formats() for name in (one.file, *one.further_files)}
    return files | {ARCHITECTURE_FILE, CARD_FILE, CONFIG_FILE, *_WEIGHTS_FILES}


def _require_replaceable(target: Path, given: Path) -> None:
    """Check that a folder at `target` can be replaced without the loss of a user's file."""
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
    marks = ({ARCHITECTURE_FILE}, _WEIGHTS_FILES, {one.file for one in all_formats()})
    if not all(found & mark for mark in marks):
        raise UserError(f"{given} is not empty and no earlier export; choose another folder or empty it")
    foreign = sorted(found - _own_files() - _CACHES)
    if foreign:
        raise UserError(
            f"{given} is an earlier export that also holds {foreign[0]}, which would be lost; "
            "move it away or choose another folder"
        )


def _write_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Fill a temporary folder beside `target` by `fill`, then move it to `target`."""
    make_directory(target.parent)
    # Both the new folder and the one it replaces stay on the target's file system, where renaming is atomic.
    workplace = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        new, old = workplace / "new", workplace / "old"
        new.mkdir()
        fill(new)
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
