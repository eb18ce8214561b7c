"""Memory of a training step, counted before anything is trained, on torch's meta device.

Counted are, in float32, the tensors that a step keeps at the beginning of its backward pass and during it:

- each parameter four times: its weight, its gradient, and AdamW's two moments;
- the buffers of batch norm;
- the batch itself, and every map that autograd keeps for the backward pass, each once even if several operations keep
  it. Local and global attention keep queries, keys, values, the output and one number per pixel and head or weight
  channel, as their kernels do; the other operators keep what their plain forms do.

Not counted: temporary buffers inside one operation, an allocator's rounding, the device's own context, and the savings
of bfloat16 on a GPU. So it compares designs; it does not predict the figure of a monitoring tool.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from sasa_nas.blocks.building import build_part
from sasa_nas.blocks.plans import Plan
from sasa_nas.cost.shapes import shapes_alone
from sasa_nas.models.plans import plan_network
from sasa_nas.space.architecture import Architecture, Image
from sasa_nas.stems import Stem
from sasa_nas.stems.building import build_stem

_BYTES = 4
"""Bytes of a float32."""
_COPIES = 4
"""Copies of a parameter: weight, gradient, and AdamW's two moments."""


@dataclass(frozen=True)
class TrainingMemory:
    """Memory of a training step, in bytes.

    Attributes:
        state: Parameters with gradients and moments, and buffers.
        fixed: Tensors of autograd that do not depend on the batch: statistics of batch norm, maps of positions.
        per_image: Maps that autograd keeps per image of the batch, and the image.
    """

    state: int
    fixed: int
    per_image: int

    def of_batch(self, images: int) -> int:
        """Return the total bytes for a batch of this size."""
        return self.state + self.fixed + images * self.per_image


@dataclass(frozen=True)
class _Part:
    """Memory that one part of a network adds, with maps for one image, without its input and its output."""

    state: int
    fixed: int
    inner: int
    output: int
    keeps_input: bool
    keeps_output: bool


def training_memory(architecture: Architecture) -> TrainingMemory:
    """Count the memory of training `architecture`; parts are counted one by one and cached, as in `count_network`."""
    plan = plan_network(architecture)
    parts = [_stem_part(architecture.stem, architecture.image)]
    parts += [_part(piece) for stage in plan.stages for piece in stage] + [_part(piece) for piece in plan.head]
    image = architecture.image
    per_image = _BYTES * image.channels * image.height * image.width
    for i, part in enumerate(parts):
        wanted = part.keeps_output or (i + 1 < len(parts) and parts[i + 1].keeps_input)
        per_image += part.inner + (part.output if wanted else 0)
    features, classes = plan.last.out_channels, architecture.num_classes
    return TrainingMemory(
        state=sum(part.state for part in parts) + _COPIES * _BYTES * (features + 1) * classes,
        fixed=sum(part.fixed for part in parts),
        # the linear layer keeps its input, the cross-entropy the logarithms of the softmax
        per_image=per_image + _BYTES * (features + classes),
    )


@functools.lru_cache(maxsize=256)
def _stem_part(stem: Stem, image: Image) -> _Part:
    with shapes_alone():
        return _measured(build_stem(stem, image.channels), (image.channels, image.height, image.width), learns=False)


@functools.lru_cache(maxsize=16384)
def _part(plan: Plan) -> _Part:
    with shapes_alone():
        return _measured(build_part(plan), (plan.in_channels, *plan.size), learns=True)


def _measured(module: nn.Module, shape: Sequence[int], *, learns: bool) -> _Part:
    """Return the memory that `module` keeps, from two batches.

    Args:
        module: The part, on the meta device.
        shape: Shape of one input, `(C, H, W)`.
        learns: Whether the input needs a gradient.
    """
    # batch norm cannot train on one value a channel
    (two, output, keeps_input, keeps_output), (three, *_) = (
        _kept(module.train(), torch.empty(images, *shape, requires_grad=learns)) for images in (2, 3)
    )
    buffers = sum(buffer.nbytes for buffer in module.buffers())
    weights = sum(parameter.nbytes for parameter in module.parameters())
    inner = three - two
    return _Part(_COPIES * weights + buffers, two - 2 * inner, inner, output // 2, keeps_input, keeps_output)


def _kept(module: nn.Module, x: Tensor) -> tuple[int, int, bool, bool]:
    """Return the bytes that autograd keeps beside weights, input and output, the bytes of the output, and two flags.

    The flags are whether autograd keeps the input and the output.
    """
    held: dict[StorageWeakRef, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        held.setdefault(_place(tensor), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = module(x)
    for owned in (*module.parameters(), *module.buffers()):
        held.pop(_place(owned), None)
    keeps_input = held.pop(_place(x), None) is not None
    keeps_output = held.pop(_place(output), None) is not None
    inner = sum(tensor.untyped_storage().nbytes() for tensor in held.values())
    return inner, output.untyped_storage().nbytes(), keeps_input, keeps_output


def _place(tensor: Tensor) -> StorageWeakRef:
    """Return a reference to a tensor's storage, which views share."""
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
