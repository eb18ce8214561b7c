"""Validation of an ONNX model before a runtime loads it, as it may name other files and foreign operators."""

import math
from collections.abc import Iterator
from typing import Any

from sasa_nas.errors import UserError, one_line
from sasa_nas.exporting.foreign import ForeignFileError
from sasa_nas.exporting.graph_operators import ONNX_OPERATORS

_NOTE = {"metadata_props"}
_FIELDS = {
    "ModelProto": {"ir_version", "producer_name", "producer_version", "opset_import", "graph"},
    "OperatorSetIdProto": {"domain", "version"},
    "GraphProto": {"name", "node", "initializer", "input", "output", "value_info"} | _NOTE,
    "NodeProto": {"name", "op_type", "input", "output", "attribute"} | _NOTE,
    "AttributeProto": {"name", "type", "i", "f", "s", "ints"},
    "TensorProto": {"name", "data_type", "dims", "raw_data"},
    "ValueInfoProto": {"name", "type"} | _NOTE,
    "TypeProto": {"tensor_type"},
    "Tensor": {"elem_type", "shape"},
    "TensorShapeProto": {"dim"},
    "Dimension": {"dim_value", "dim_param"},
    "StringStringEntryProto": {"key", "value"},
}
"""Allowed fields by kind of message. Not among them: functions, graphs within nodes (of control flow), tensors in
other files, and domains of operators."""
_BYTES = {1: 4, 7: 8, 9: 1}
"""Bytes per number by code of the type: float32, int64, bool."""


def checked_model(name: str, content: bytes) -> bytes:
    """Check that an ONNX model is one that `formats.onnx` could have written, and return it.

    Args:
        name: Name of the file, for errors.
        content: The file's bytes.

    Raises:
        UserError: If it is damaged.
        ForeignFileError: If it holds something that could do more than compute.
    """
    import onnx

    try:
        model = onnx.load_from_string(content)
    # a DecodeError of protobuf, a package that is ONNX's own affair
    except Exception as error:
        raise UserError(f"{name} is damaged or no ONNX model: {one_line(error)[:200]}; export again") from error
    size = model.ByteSize()
    model.DiscardUnknownFields()
    strange = next(_unexpected_parts(model), None) if model.ByteSize() == size else "fields of no known meaning"
    if strange is not None:
        raise ForeignFileError(f"{name} holds {strange}, which sasa-nas does not write, so it is not loaded")
    known: bytes = model.SerializeToString()
    return known


def _unexpected_parts(message: Any) -> Iterator[str]:
    """Yield a short description of each unexpected part of a message."""
    kind = type(message).__name__
    for field, value in message.ListFields():
        if field.name not in _FIELDS.get(kind, ()) or (field.name == "domain" and value):
            yield f"a {kind} with {field.name}"
        elif hasattr(value, "ListFields"):
            yield from _unexpected_parts(value)
        elif not isinstance(value, str | bytes | int | float):
            for item in value:
                if hasattr(item, "ListFields"):
                    yield from _unexpected_parts(item)
    if kind == "NodeProto" and message.op_type not in ONNX_OPERATORS:
        yield f"the operator {message.op_type[:80]!r}"
    if kind == "TensorProto":
        dims = list(message.dims)
        size = _BYTES.get(message.data_type, -1)
        if any(side < 0 for side in dims) or math.prod(dims) * size != len(message.raw_data):
            yield f"the tensor {message.name[:80]!r} whose shape is not that of its bytes"
