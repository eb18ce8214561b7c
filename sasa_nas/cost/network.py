"""Parameters and work of a network, counted before anything is trained, on torch's meta device."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from sasa_nas.blocks.building import build_part
from sasa_nas.blocks.plans import Plan
from sasa_nas.cost.attention import attention_counts
from sasa_nas.cost.shapes import shapes_alone
from sasa_nas.errors import UserError
from sasa_nas.layers.fused import unfuse
from sasa_nas.models.plans import plan_network
from sasa_nas.operators.counts import Counts, Elementwise, Macs
from sasa_nas.space.architecture import Architecture, Image
from sasa_nas.stems import Stem
from sasa_nas.stems.building import build_stem


@dataclass(frozen=True)
class NetworkCounts:
    """The work and parameters of a network and of its parts, for one image."""

    total: Counts
    parts: Mapping[str, Counts]
    """Counts of `stem`, `stages[0]`, `stages[1]`, ..., `head` (if any) and `classifier`, as in the forward pass."""


def count_network(architecture: Architecture) -> NetworkCounts:
    """Count `architecture` for one image of its size, without memory for weights or maps.

    Blocks are counted one by one and cached, so that the thousands of designs of a search, which share most of
    their blocks, cost little.

    Raises:
        UserError: If the network is too large to be counted.
    """
    try:
        return _count_network(architecture)
    except RuntimeError as error:
        # torch's words for more bytes than 64 bits can count
        if "overflow" not in str(error).lower():
            raise
        raise UserError(
            f"network {architecture.id} is too large: a tensor of it has more bytes than can be counted"
        ) from error


def _count_network(architecture: Architecture) -> NetworkCounts:
    parts = {"stem": _count_stem(architecture.stem, architecture.image)}
    plan = plan_network(architecture)
    for i, stage in enumerate(plan.stages):
        parts[f"stages[{i}]"] = _count_parts(stage)
    if plan.head:
        parts["head"] = _count_parts(plan.head)
    parts["classifier"] = _count_classifier(plan.last.out_channels, plan.last.out_size, architecture.num_classes)
    return NetworkCounts(sum(parts.values(), Counts()), MappingProxyType(parts))


@functools.lru_cache(maxsize=256)
def _count_stem(stem: Stem, image: Image) -> Counts:
    with shapes_alone():
        return count_module(build_stem(stem, image.channels), torch.empty(1, image.channels, image.height, image.width))


@functools.lru_cache(maxsize=16384)
def _count_parts(plans: tuple[Plan, ...]) -> Counts:
    """Count a sequence of parts, such as a stage."""
    return sum(map(_count_part, plans), Counts())


@functools.lru_cache(maxsize=16384)
def _count_part(plan: Plan) -> Counts:
    with shapes_alone():
        return count_module(build_part(plan), torch.empty(1, plan.in_channels, *plan.size))


def _count_classifier(in_channels: int, size: tuple[int, int], num_classes: int) -> Counts:
    """Count the mean over the map and the linear layer."""
    return Counts(
        params=(in_channels + 1) * num_classes,
        macs=Macs(conv_linear=in_channels * num_classes),
        elementwise=Elementwise(pool_inputs=in_channels * size[0] * size[1]),
    )


def count_module(module: nn.Module, x: Tensor | Sequence[Tensor] | Mapping[str, Tensor]) -> Counts:
    """Count the parameters of `module` and the work of its forward pass with `x`, in evaluation mode.

    Args:
        module: Any module whose work lies in convolutions, linear layers, norms and our attention layers.
        x: An input of shape `(1, C, H, W)`, or several, on the module's device, which may be the meta device.
    """
    counts = Counts(params=sum(parameter.numel() for parameter in module.parameters()))

    def count(part: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal counts
        # what takes several maps has no work of its own
        if isinstance(inputs[0], Tensor):
            counts += _own_counts(part, inputs[0], output)

    hooks = [part.register_forward_hook(count) for part in module.modules()]
    # what is computed in one kernel has parts that are to be called, so that they are counted
    fused = unfuse(module)
    training = module.training
    try:
        with torch.no_grad():
            module.eval()(x)
    finally:
        module.train(training)
        for layer in fused:
            layer.fused = True
        for hook in hooks:
            hook.remove()
    return counts


def _own_counts(module: nn.Module, x: Tensor, output: Tensor) -> Counts:
    """Return the work of one module without its sub-modules, for a batch of one."""
    if isinstance(module, nn.Conv2d):
        side = module.kernel_size[0] * module.kernel_size[1]
        macs = output.numel() * side * module.in_channels // module.groups
        bias = output.numel() if module.bias is not None else 0
        return Counts(macs=Macs(conv_linear=macs), elementwise=Elementwise(conv_bias=bias))
    if isinstance(module, nn.Linear):
        return Counts(macs=Macs(conv_linear=output.numel() * module.in_features))
    if isinstance(module, nn.BatchNorm2d):
        return Counts(elementwise=Elementwise(norm=x.numel()))
    if isinstance(module, nn.ReLU):
        return Counts(elementwise=Elementwise(relu=x.numel()))
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        return Counts(elementwise=Elementwise(pool_inputs=x.numel()))
    if x.dim() == 4:
        return attention_counts(module, x.shape[2], x.shape[3])
    return Counts()
