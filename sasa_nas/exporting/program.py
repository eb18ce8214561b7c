"""A network as one graph of torch's own operators, for files that hold no Python code."""

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from sasa_nas.exporting.einsum import einsum_by_matmul
from sasa_nas.operators.decompositions import decompositions
from sasa_nas.space.architecture import Image


def trace(network: nn.Module, image: Image) -> ExportedProgram:
    """Trace the forward pass of a network in evaluation mode, for any number of images of its size.

    Every operator of the package is replaced by torch's own, so that the program needs torch alone; sums of products
    are matrix products, see `einsum`. Traces of the machine, such as paths, are removed.

    Args:
        network: The network, in evaluation mode, on the CPU.
        image: Size of its images.

    Raises:
        ValueError: If an operator of the package has no decomposition.
    """
    # of a batch of one, torch would take the size for a constant
    example = torch.zeros(2, image.channels, image.height, image.width)
    table = dict(decompositions())
    table[torch.ops.aten.einsum.default] = einsum_by_matmul
    with torch.no_grad():
        program: ExportedProgram = torch.export.export(network, (example,), dynamic_shapes=({0: Dim("batch", min=1)},))
        program = program.run_decompositions(table)
    for node in program.graph.nodes:
        if str(node.target).startswith("sasa_nas."):
            raise ValueError(f"{node.target} has no decomposition")
        # they are lines of source with their paths
        node.meta.pop("stack_trace", None)
    return program
