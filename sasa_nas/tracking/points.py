"""Reading of the points of a curve that a tracker does not have yet."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sasa_nas.files import LARGEST_CURVE, read_text

STEP = "epoch"
"""The field of a line that tells its step."""


def finite_numbers(data: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a mapping that are finite, without truth values."""
    numbers = {name: value for name, value in data.items() if type(value) in (int, float)}
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def read_points(file: Path, after: int) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield the metrics of a metrics.jsonl by epoch.

    Args:
        file: The file; nothing is yielded if it does not exist.
        after: Epoch after which the points begin.

    Raises:
        OSError: If it is no plain file, or cannot be read.
        ValueError: If a line is no JSON.
    """
    if not file.exists():
        return
    for line in read_text(file, LARGEST_CURVE).splitlines():
        data = json.loads(line)
        step = data.get(STEP) if isinstance(data, dict) else None
        if type(step) is int and step > after:
            yield step, finite_numbers({name: value for name, value in data.items() if name != STEP})
