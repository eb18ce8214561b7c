"""A model in ONNX, for any number of images."""

import copy
import operator
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.export import ExportedProgram

from sasa_nas.exporting.format import Contents, Format, Run, Subject
from sasa_nas.exporting.onnx_graph import checked_model
from sasa_nas.space.network import NetworkDescription

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

_FILE = "model.onnx"
_TRACES = "pkg.torch.onnx.stack_trace"
_POOLS: dict[Any, Any] = {
    torch.ops.aten.adaptive_avg_pool2d.default: torch.ops.aten.mean.dim,
    torch.ops.aten.adaptive_max_pool2d.default: torch.ops.aten.amax.default,
}
"""Pools, and the reductions that are the same where they give one pixel."""

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
    # nodes are exchanged by hand: to trace the whole program once more takes a fifth of the export
    reduced = copy.deepcopy(program)
    graph = reduced.graph_module.graph
    for node in [node for node in graph.nodes if node.target in _POOLS and list(node.args[1]) == [1, 1]]:
        # of maxima also their places are returned, which no network uses
        used = [user for user in node.users if user.target is operator.getitem]
        if any(user.args[1] != 0 for user in used):
            continue
        with graph.inserting_before(node):
            found = graph.call_function(_POOLS[node.target], (node.args[0], [2, 3], True))
        for old in used or [node]:
            found.meta = dict(old.meta)
            old.replace_all_uses_with(found)
            graph.erase_node(old)
        if used:
            graph.erase_node(node)
    reduced.graph_module.recompile()
    return reduced


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
