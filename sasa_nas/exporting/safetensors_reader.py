"""Reader of safetensors files that needs torch alone. Its source is part of exported networks."""

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""Types of torch by the format's names."""


LONGEST_HEADER = 100_000_000
"""Most bytes of a header, the format's own limit."""


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, on the CPU.

    The format is eight bytes with the header's length, the header in JSON, and the tensors' bytes, little
    endian, one after the other without gaps. Nothing in such a file is ever executed, and no more memory is taken
    than the file is long.

    Args:
        path: The file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no safetensors file or is damaged; the message names it.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2) - 8
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        if size < 0 or length > min(size, LONGEST_HEADER):
            raise ValueError(f"{path} is no safetensors file, or its end is missing")
        text = file.read(length)
        try:
            header = json.loads(text.decode("utf-8"), object_pairs_hook=unique_keys)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} has a damaged header: {error}") from error
        if type(header) is not dict:
            raise ValueError(f"{path} has a damaged header: it is no JSON object")
        # frombuffer warns of memory that cannot be written to, hence not bytes
        data = bytearray(size - length)
        if file.readinto(data) != len(data):
            raise ValueError(f"{path} is no safetensors file, or its end is missing")
    header.pop("__metadata__", None)
    tensors: dict[str, Tensor] = {}
    spans: list[tuple[int, int]] = []
    for name, entry in header.items():
        try:
            tensors[name], span = tensor_at(entry, memoryview(data))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path} has a damaged entry for {ascii(name[:80])[1:-1]}: {str(error)[:200]}") from error
        spans.append(span)
    place = 0
    for begin, end in sorted(spans):
        if begin != place:
            raise ValueError(f"{path} is damaged: its tensors overlap or leave gaps")
        place = end
    if place != len(data):
        raise ValueError(f"{path} is damaged: it holds {len(data)} bytes of tensors, and {place} are accounted for")
    return tensors


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dictionary, which must have unique keys, so that every reader sees the same.

    Raises:
        ValueError: If a key is repeated.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def tensor_at(entry: dict[str, Any], data: memoryview) -> tuple[Tensor, tuple[int, int]]:
    """Return the tensor that a header's entry describes, as a view of `data`, and the bytes it lies at.

    Raises:
        KeyError: If the entry lacks a field or its type is unknown.
        TypeError: If a field is of the wrong kind.
        ValueError: If shape, type and offsets do not fit together or the file.
        RuntimeError: If torch knows no such shape.
    """
    dtype = DTYPES[entry["dtype"]]
    shape, (begin, end) = entry["shape"], entry["data_offsets"]
    if len(shape) > 64:
        raise ValueError(f"a shape has {len(shape)} sides")
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
        raise ValueError("shapes and offsets are whole numbers, zero or more")
    count = math.prod(shape)
    if end > len(data) or end - begin != count * dtype.itemsize:
        raise ValueError(f"shape {shape} of {entry['dtype']} does not fit bytes {begin} to {end} of {len(data)}")
    if count == 0:
        return torch.empty(shape, dtype=dtype), (begin, end)
    return torch.frombuffer(data, dtype=dtype, count=count, offset=begin).reshape(shape), (begin, end)
