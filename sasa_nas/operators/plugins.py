"""The user's own operators: files of Python code that register kinds, loaded only if named."""

import hashlib
import importlib.util
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from sasa_nas.errors import UserError, one_line, printable
from sasa_nas.files import LARGEST_RECORD, private_cache, read_text, write_text
from sasa_nas.operators.registry import OPERATORS

ENTRY_POINTS = "sasa_nas.operators"
"""Group of the entry points of installed packages with kinds: the name is the kind, the object the module that
registers it."""

MODULE_PREFIX = "sasa_nas_own_"
"""Prefix of the names of modules made from files."""


class OperatorFile(BaseModel):
    """A file that registers operators, as sent to workers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """File name without its suffix."""
    text: str

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the text as UTF-8."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def module(self) -> str:
        """Name of the module made from it."""
        return MODULE_PREFIX + self.name


_Loaded: TypeAlias = tuple[OperatorFile, Path, tuple[str, ...]]
_loaded: dict[str, _Loaded] = {}
"""Files loaded by this process, with their paths and kinds, by name; part of the registry's state."""


def loaded_operators() -> tuple[OperatorFile, ...]:
    """Return the files that this process has loaded."""
    return tuple(file for file, _, _ in _loaded.values())


def kinds_of(file: OperatorFile) -> tuple[str, ...]:
    """Return the kinds that a loaded file registered."""
    return _loaded[file.name][2]


def source_of(module: str) -> Path | None:
    """Return the file that a module was made from; None if it is not one of the loaded files."""
    return next((path for file, path, _ in _loaded.values() if file.module == module), None)


def load_operators(path: Path) -> OperatorFile:
    """Load a file that registers operators, unless it is loaded already.

    The file is executed. It may import whatever is installed.

    Args:
        path: A file of Python code.

    Returns:
        The file's name and text.

    Raises:
        UserError: If it cannot be read, fails, registers nothing, or another file of its name is loaded.
    """
    shown = printable(path)
    try:
        text = read_text(path, LARGEST_RECORD, follow=True)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise UserError(f"{shown} cannot be read as a file of operators: {reason}") from error
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise UserError(f"{shown}: a file of operators needs a name such as my_operators.py")
    file = OperatorFile(name=path.stem, text=text)
    _load(file, path.resolve())
    return file


def unload_operators(name: str) -> None:
    """Unregister the kinds of a loaded file, so that it can be loaded again after changes, in interactive work.

    Args:
        name: The file's name without its suffix. Nothing happens if it is not loaded.
    """
    if name in _loaded:
        file, _, kinds = _loaded.pop(name)
        sys.modules.pop(file.module, None)
        for kind in kinds:
            OPERATORS.remove(kind)


def receive_operators(files: tuple[OperatorFile, ...]) -> None:
    """Load files that another process of the same search has loaded, from their text.

    Args:
        files: The result of `loaded_operators` there.

    Raises:
        UserError: See `load_operators`.
    """
    for file in files:
        place = private_cache("operators", file.sha256[:16]) / f"{file.name}.py"
        if not place.is_file() or place.read_text(encoding="utf-8") != file.text:
            write_text(place, file.text)
        _load(file, place)


def find_installed(kind: str) -> None:
    """Load the installed package whose entry point offers a kind, if there is one.

    Raises:
        UserError: If there is one, but it fails or does not register the kind.
    """
    for point in entry_points(group=ENTRY_POINTS, name=kind):
        try:
            point.load()
        except Exception as error:
            raise UserError(f"the operator '{kind}' of {point.value} cannot be loaded: {_reason(error)}") from error
        if kind not in OPERATORS.kinds:
            raise UserError(f"{point.value} is said to register the operator '{kind}' and does not")
        return


def _load(file: OperatorFile, path: Path) -> None:
    if file.name in _loaded:
        if _loaded[file.name][0] != file:
            raise UserError(f"another file {file.name}.py is loaded already; give one of the two another name")
        return
    before = {entry.kind for entry in OPERATORS if not entry.foreign}
    # code may be loaded that a record has described before
    described = {entry.kind: entry for entry in OPERATORS if entry.foreign}
    for kind in described:
        OPERATORS.remove(kind)
    spec = importlib.util.spec_from_file_location(file.module, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.module] = module
    try:
        spec.loader.exec_module(module)
        kinds = tuple(kind for kind in OPERATORS.kinds if kind not in before)
        if not kinds:
            raise UserError(
                f"{printable(path)} registers no operator; decorate a description with "
                "@sasa_nas.operators.register_operator"
            )
    except BaseException as error:
        sys.modules.pop(file.module, None)
        for kind in OPERATORS.kinds:
            if kind not in before:
                OPERATORS.remove(kind)
        if isinstance(error, UserError) or not isinstance(error, Exception):
            raise
        raise UserError(f"{printable(path)} cannot be loaded: {_reason(error)}") from error
    finally:
        for kind, entry in described.items():
            if kind not in OPERATORS.kinds:
                OPERATORS.add(entry)
    _loaded[file.name] = (file, path, kinds)


def _reason(error: Exception) -> str:
    place = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
    return f"{type(error).__name__}: {place}{one_line(error)[:200]}"
