"""A model in ONNX, for any number of images."""

import re
from pathlib import Path
from types import NotImplementedType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from sasa_nas.exporting.format import Contents, Format, Run, Subject
from sasa_nas.exporting.onnx_graph import checked_model
from sasa_nas.space.network import NetworkDescription

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

_FILE = "model.onnx"
_TRACES = "pkg.torch.onnx.stack_trace"

_PROGRAM = """\
import numpy
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
images = numpy.random.rand({shape}).astype(numpy.float32)  # standardised as below
(logits,) = session.run(["logits"], {{"images": images}})
print(logits.argmax(axis=1))
"""


def write(subject: Subject, folder: Path) -> None:
    """Write a model from `images` `(batch, C, H, W)` to the outputs of the network's task."""
    model = torch.onnx.export(
        with_global_pools_reduced(subject.program),
        dynamo=True,
        input_names=["images"],
        output_names=[output.name for output in subject.outputs],
        external_data=False,
        verbose=False,
    )
    assert model is not None
    _tidy(model)
    model.save(folder / _FILE, external_data=False)


def with_global_pools_reduced(program: ExportedProgram) -> ExportedProgram:
    """Return a program whose pools over whole maps are reductions.

    Not every version of the exporter knows the pool of maxima, or computes that of means without a loop.
    """
    reduced: ExportedProgram = program.run_decompositions(
        {
            torch.ops.aten.adaptive_avg_pool2d.default: _global_mean,
            torch.ops.aten.adaptive_max_pool2d.default: _global_maximum,
        }
    )
    return reduced


def _global_mean(x: Tensor, output_size: list[int]) -> Tensor | NotImplementedType:
    """Return the means of maps, as `adaptive_avg_pool2d` does to one pixel."""
    return x.mean((2, 3), keepdim=True) if list(output_size) == [1, 1] else NotImplemented


def _global_maximum(x: Tensor, output_size: list[int]) -> tuple[Tensor, Tensor] | NotImplementedType:
    """Return the maxima of maps and their places, as `adaptive_max_pool2d` does to one pixel."""
    found = x.amax((2, 3), keepdim=True), x.flatten(2).argmax(2, keepdim=True).unsqueeze(3)
    return found if list(output_size) == [1, 1] else NotImplemented


def _tidy(program: "ONNXProgram") -> None:
    """Name the symbol of the batch size, and remove source lines with their paths."""
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


def inspect(contents: Contents, architecture: NetworkDescription) -> Contents:
    """Check that the model names no other file and has only operators of networks, and return it."""
    return {_FILE: checked_model(_FILE, contents[_FILE])}


def load(file: Path) -> Run:
    """Return the ONNX model, as a `Run`."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])

    def run(images: Any) -> Any:
        return session.run(None, {"images": images})

    return run


FORMAT = Format(
    name="onnx",
    file=_FILE,
    write=write,
    load=load,
    library="onnx",
    title="for any number of images; needs onnxruntime, or another runtime of ONNX",
    program=_PROGRAM,
    inspect=inspect,
    write_packages=["onnx", "onnxscript"],
    load_packages=["onnxruntime", "onnx"],
    needs_torch=False,
)
