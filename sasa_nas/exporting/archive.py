"""Validation of a `.pt2` file before torch loads it, as torch's loader executes code in it.

`torch.export.load` unpickles, evaluates the expressions of sizes, calls whatever function of torch a node names, and
makes Python code of the names of nodes. The files that this package writes hold tensors as plain bytes, names that are
identifiers, sizes as products, and few operators; anything else is refused before torch sees it.
"""

import ast
import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

from sasa_nas.errors import UserError, one_line
from sasa_nas.exporting.foreign import ForeignFileError
from sasa_nas.exporting.graph_operators import ATEN_ARGUMENTS, ATEN_OPERATORS

_SAMPLE = "data/sample_inputs/model.pt"
_ENTRIES = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/\w+|models/model\.json"
    rf"|data/(weights|constants)/((weight|tensor)_\d+|model_(weights|constants)_config\.json)|{re.escape(_SAMPLE)}",
    re.ASCII,
)
_END = struct.Struct("<4s4H2LH")
"""The last record of a ZIP file: its mark, its counts, sizes and places, and the length of a comment."""
_NAME = re.compile(r"[\w.]*", re.ASCII)
"""Pattern of the names of nodes and parameters; torch writes those of nodes into Python code that it executes."""
_TEXTS = {
    "expr_str": "size",
    "target": "operator",
    "as_float": "number",
    "type": "device",
    "path_name": "place of a tensor",
    "in_spec": "structure",
    "out_spec": "structure",
    "torch_version": "version",
}
"""Patterns of the texts that are no names, by key."""
_NOTES = {"nn_module_stack", "torch_fn", "from_node"}
"""Keys of a node's notes on its origin, which are at most printed."""
_EMPTY = {
    "use_pickle": "pickled tensors",
    "guards_code": "code that checks inputs",
    "custom_obj_values": "custom objects",
    "custom_obj": "custom objects",
    "token": "effects",
    "treespec_namedtuple_fields": "named tuples",
}
"""Keys that must be empty, and descriptions of what they would hold."""
_STRUCTURES = {None, "builtins.tuple", "builtins.list", "builtins.dict"}
_FUNCTIONS = {"Symbol", "Integer", "Mul"}
_NODES = (ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword)
"""Nodes of a syntax tree that the expression of a size may have: no attributes, subscripts or powers."""


def checked_archive(name: str, content: bytes) -> bytes:
    """Check that a `.pt2` file is one that `formats.torch_export` could have written, and return it rewritten.

    Nothing in it is unpickled or evaluated. The returned archive is written anew, so that another reader finds in it
    exactly what was checked here.

    Args:
        name: Name of the file, for errors.
        content: The file's bytes.

    Raises:
        UserError: If it is damaged.
        ForeignFileError: If it holds something that loading or running could execute.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _require_plain(content, archive)
            entries = {entry: archive.read(entry) for entry in archive.namelist()}
        trees = {entry: json.loads(entries[entry]) for entry in entries if entry.endswith(".json")}
        strange = next(_unexpected_parts(entries, trees), None)
    except (OSError, zipfile.BadZipFile, ValueError, RecursionError, NotImplementedError, EOFError) as error:
        raise UserError(
            f"{name} is damaged or no file of torch.export: {one_line(error)[:200]}; export again"
        ) from error
    if strange is not None:
        raise ForeignFileError(f"{name} holds {strange}, which sasa-nas does not write, so it is not loaded")
    anew = io.BytesIO()
    with zipfile.ZipFile(anew, "w") as archive:
        for entry, data in entries.items():
            archive.writestr(entry, json.dumps(trees[entry]) if entry in trees else data)
    return anew.getvalue()


def _require_plain(content: bytes, archive: zipfile.ZipFile) -> None:
    """Refuse an archive in which another reader could find other entries, or more bytes than there are."""
    mark, *_, comment = _END.unpack(content[-_END.size :])
    entries = archive.infolist()
    if mark != b"PK\5\6" or comment or min(entry.header_offset for entry in entries) != 0:
        raise zipfile.BadZipFile("its beginning or its end is missing")
    if len({entry.filename for entry in entries}) != len(entries):
        raise zipfile.BadZipFile("it has two entries of one name")
    if len({entry.filename.partition("/")[0] for entry in entries}) != 1:
        raise zipfile.BadZipFile("it has more than one folder")
    if any(entry.orig_filename != entry.filename for entry in entries):
        raise zipfile.BadZipFile("a name in it holds a zero")
    stored = all(e.compress_type == zipfile.ZIP_STORED and e.file_size == e.compress_size for e in entries)
    if not stored or sum(entry.file_size for entry in entries) > len(content):
        raise zipfile.BadZipFile("its entries are compressed or overlap")


def _unexpected_parts(entries: dict[str, bytes], trees: dict[str, Any]) -> Iterator[str]:
    """Yield a short description of each unexpected part of the archive."""
    for name, content in entries.items():
        entry = name.partition("/")[2]
        if not _ENTRIES.fullmatch(entry):
            yield f"the entry {name[:80]!r}"
        elif entry == _SAMPLE and content:
            yield f"the pickle {name[:80]!r}"
    for tree in trees.values():
        yield from _unexpected_values(tree, "")


def _unexpected_values(data: Any, key: str) -> Iterator[str]:
    """Yield a description of each unexpected value in the JSON below a key; only texts can be harmful."""
    if key in _EMPTY and data:
        yield _EMPTY[key]
    elif isinstance(data, list):
        for item in data:
            yield from _unexpected_values(item, key)
    elif isinstance(data, dict):
        for inner, value in data.items():
            if not _NAME.fullmatch(inner):
                yield f"the name {inner[:80]!r}"
            if inner.startswith("as_") and inner not in ATEN_ARGUMENTS:
                yield f"the argument {inner[:80]!r}"
            yield from _unexpected_values(value, inner)
    elif isinstance(data, str) and not _is_plain(data, key):
        yield f"the {_TEXTS.get(key, 'name')} {data[:80]!r}"


def _is_plain(text: str, key: str) -> bool:
    """Return True if a text below a key is one that this package could write there."""
    match key:
        case "expr_str":
            return _is_size(text)
        case "target":
            return text in ATEN_OPERATORS
        case "path_name":
            return re.fullmatch(r"(weight|tensor)_\d+", text, re.ASCII) is not None
        case "in_spec" | "out_spec":
            return _is_structure(text)
        case "torch_version":
            return re.fullmatch(r"[\w.+]*", text, re.ASCII) is not None
        case "type":
            return text == "cpu"
        case "as_float":
            return text in ("Infinity", "-Infinity", "NaN")
    return (key in _NOTES and text.isprintable()) or _NAME.fullmatch(text) is not None


def _is_structure(text: str) -> bool:
    """Return True if a text describes nested tuples, lists and dictionaries, and no other classes."""
    try:
        nodes = [json.loads(text)[1]]
        for node in nodes:
            if node["type"] not in _STRUCTURES or node["context"] not in (None, "null", "[]"):
                return False
            nodes += node["children_spec"]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return False
    return True


def _is_size(text: str) -> bool:
    """Return True if a text is an expression of whole numbers, symbols and products."""
    if len(text) > 10_000:
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
