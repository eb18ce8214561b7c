"""A network as one graph of torch's own operators, for files that hold no Python code."""

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.export import Dim, ExportedProgram

from sasa_nas.errors import UserError
from sasa_nas.models.builder import Network
from sasa_nas.operators.decompositions import decompositions

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

_ONNX_PACKAGES = ("onnx", "onnxscript")
_TRACES = "pkg.torch.onnx.stack_trace"


def require_onnx() -> None:
    """Raises where the packages that write ONNX are missing.

    Raises:
        UserError: Saying how to install them.
    """
    missing = [name for name in _ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"the format onnx needs the package {missing[0]}: pip install 'sasa-nas[onnx]'")


def trace(network: Network) -> ExportedProgram:
    """The forward pass of a network in evaluation mode, for any number of images of its size.

    Every operator of the package is replaced by torch's own, so that the program needs torch alone; and nothing in
    it tells of the machine that traced it.

    Args:
        network: In evaluation mode, on the CPU.

    Raises:
        ValueError: If an operator of the package is left, whose decomposition is missing.
    """
    image = network.architecture.image
    # of a batch of one, torch would take the size for a constant
    example = torch.zeros(2, image.channels, image.height, image.width)
    with torch.no_grad():
        program: ExportedProgram = torch.export.export(network, (example,), dynamic_shapes=({0: Dim("batch", min=1)},))
        program = program.run_decompositions(dict(decompositions()))
    for node in program.graph.nodes:
        if str(node.target).startswith("sasa_nas."):
            raise ValueError(f"{node.target} has no decomposition")
        # they are lines of source with their paths
        node.meta.pop("stack_trace", None)
    return program


def write_program(program: ExportedProgram, path: Path) -> None:
    """Writes a program as a file for `torch.export.load`.

    Args:
        program: From `trace`.
        path: The file; its name ends in `.pt2`.

    Raises:
        OSError: If the file cannot be written.
    """
    try:
        torch.export.save(program, path)
    except RuntimeError as error:
        # torch's archives are written in C++, which knows no OSError
        raise OSError(str(error)) from error


def write_onnx(program: ExportedProgram, path: Path) -> None:
    """Writes a program as an ONNX model from `images` `(batch, C, H, W)` to `logits` `(batch, classes)`.

    Args:
        program: From `trace`.
        path: The file.

    Raises:
        OSError: If the file cannot be written.
    """
    model = torch.onnx.export(
        program, dynamo=True, input_names=["images"], output_names=["logits"], external_data=False, verbose=False
    )
    assert model is not None
    _tidy(model)
    model.save(path, external_data=False)


def _tidy(program: "ONNXProgram") -> None:
    """Calls the symbol of the batch's size what it is, and drops lines of source with their paths."""
    graph = program.model.graph
    shape = graph.inputs[0].shape
    assert shape is not None
    symbol = re.compile(rf"\b{re.escape(str(shape[0]))}\b")
    values = [*graph.inputs, *graph.outputs]
    for node in graph:
        node.metadata_props.pop(_TRACES, None)
        values += node.outputs
    for value in {id(value): value for value in values}.values():
        if value.shape is not None and not all(isinstance(side, int) for side in value.shape):
            # a side that is not known keeps no name: of two with one name, a runtime lets one take the other's memory
            known = [side if isinstance(side, int) else side.value for side in value.shape]
            sides = [symbol.sub("batch", side) if isinstance(side, str) else side for side in known]
            value.shape = type(value.shape)(sides)
