"""What an export can hold a network as, and the names of its files."""

from collections.abc import Sequence
from typing import Literal, get_args

from sasa_nas.errors import UserError

Format = Literal["module", "torch_export", "onnx"]
"""A Python module that needs torch alone, a program of `torch.export`, a model in ONNX."""

FORMATS: tuple[Format, ...] = get_args(Format)

ARCHITECTURE_FILE = "architecture.json"
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "README.md"
PACKAGE_FILE = "__init__.py"

NETWORK_FILES: dict[Format, str] = {"module": "model.py", "torch_export": "model.pt2", "onnx": "model.onnx"}
"""The file that each format is known by."""

OWN_FILES = frozenset({ARCHITECTURE_FILE, WEIGHTS_FILE, CARD_FILE, PACKAGE_FILE, *NETWORK_FILES.values()})
"""All that an export ever holds."""


def parse_formats(names: str | Sequence[str]) -> tuple[Format, ...]:
    """Formats by their names, in the order of `FORMATS`, none twice.

    Args:
        names: One after the other, or in one text with commas between.

    Raises:
        UserError: If there is none, or one of no such name.
    """
    given = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    unknown = [name for name in given if name not in FORMATS]
    if unknown or not given:
        raise UserError(f"unknown --format '{unknown[0] if unknown else ''}'; there is: {', '.join(FORMATS)}")
    return tuple(known for known in FORMATS if known in given)
