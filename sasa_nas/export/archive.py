"""Looks into a `.pt2` file before torch loads it: torch's loader evaluates text that it finds in one.

`torch.export.load` falls back on pickle, evaluates the expressions of sizes as Python, and calls whatever function of
torch a node names. The files that this package writes hold tensors as plain bytes, sizes as sums and products, and
nodes of ATen's operators alone; anything else is refused unread.
"""

import ast
import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from sasa_nas.errors import UserError, one_line

_ENTRIES = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/\w+|models/model\.json"
    r"|data/(weights|constants)/((weight|tensor)_\d+|model_(weights|constants)_config\.json)"
    r"|data/sample_inputs/model\.pt"
)
_END = struct.Struct("<4s4H2LH")
"""The last record of a ZIP file: its mark, its counts, sizes and places, and the length of a comment."""
_TARGETS = re.compile(r"torch\.ops\.aten\.\w+\.\w+|_operator\.\w+|torch\.sym_\w+|math\.\w+")
_FUNCTIONS = {"Symbol", "Integer", "Rational", "Add", "Mul", "Pow", "Max", "Min", "FloorDiv", "CeilDiv", "Mod"}
_NODES = (
    ast.Expression,
    ast.Call,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.keyword,
    ast.BinOp,
    ast.UnaryOp,
    ast.operator,
    ast.unaryop,
)
"""What the expression of a size may consist of: no attributes, no subscripts."""


def inspect_archive(path: Path) -> None:
    """Raises unless a `.pt2` file holds a program such as `program.write_program` writes.

    Args:
        path: The file.

    Raises:
        UserError: If it is damaged, or holds something that loading could execute.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _require_whole(path, archive)
            strange = next(_strange(archive), None)
    except (OSError, zipfile.BadZipFile, ValueError, RecursionError, NotImplementedError, EOFError) as error:
        raise UserError(f"{path} is damaged or no file of torch.export: {one_line(error)}; export again") from error
    if strange is not None:
        raise UserError(f"{path} holds {strange}, which sasa-nas does not write, so it is not loaded; export again")


def _require_whole(path: Path, archive: zipfile.ZipFile) -> None:
    """Raises where another reader could find another archive in the same bytes, such as one within it."""
    with path.open("rb") as file:
        file.seek(-_END.size, 2)
        mark, *_, comment = _END.unpack(file.read())
    if mark != b"PK\5\6" or comment or min(info.header_offset for info in archive.infolist()) != 0:
        raise zipfile.BadZipFile("its beginning or its end is missing")


def _strange(archive: zipfile.ZipFile) -> Iterator[str]:
    """What should not be in the archive, in a few words each."""
    for name in archive.namelist():
        entry = name.partition("/")[2]
        if not _ENTRIES.fullmatch(entry):
            yield f"the entry {name[:80]!r}"
        content = archive.read(name)
        if entry.endswith(".json"):
            yield from _strange_data(json.loads(content))
        elif entry.endswith(".pt"):
            try:
                torch.load(io.BytesIO(content), weights_only=True)
            # whatever is wrong with it, torch would go on without weights_only
            except Exception:
                yield f"the pickle {name[:80]!r} of more than tensors"


def _strange_data(data: Any) -> Iterator[str]:
    if isinstance(data, list):
        for item in data:
            yield from _strange_data(item)
    elif isinstance(data, dict):
        for key, value in data.items():
            if key == "use_pickle" and value is not False:
                yield "pickled tensors"
            elif key == "guards_code" and value:
                yield "code that checks inputs"
            elif key == "expr_str" and not _is_size(value):
                yield f"the size {str(value)[:80]!r}"
            elif key == "target" and isinstance(value, str) and "inputs" in data and not _TARGETS.fullmatch(value):
                yield f"the operator {value[:80]!r}"
            else:
                yield from _strange_data(value)


def _is_size(text: object) -> bool:
    """Whether a text is an expression of whole numbers, symbols and the functions that sizes are made of."""
    if not isinstance(text, str) or len(text) > 10_000:
        return False
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    for node in nodes:
        if not isinstance(node, _NODES):
            return False
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS):
            return False
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not re.fullmatch(r"\w+", node.value):
            return False
    return True
