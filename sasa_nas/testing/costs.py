"""Checks of an operator's counts, as a wrong count distorts every comparison per FLOP."""

import torch
from torch import nn

from sasa_nas.cost.memory import training_memory
from sasa_nas.cost.network import count_module
from sasa_nas.models import build
from sasa_nas.operators.counts import Counts
from sasa_nas.testing.case import Case, random_maps, seeded
from sasa_nas.testing.check import Nonconformity, NotApplicable
from sasa_nas.testing.work import Work, work_of

MAP = (9, 10)
"""Height and width of the map for counts: small, but larger than the maps for which some forms differ."""

MEMORY_FACTOR = 2.0
"""Largest ratio of estimated and measured memory, either way."""


def multiply_accumulates(case: Case) -> None:
    """Check that the multiply-accumulates of `count` and of the sub-modules are those that run.

    Position logits are counted once per key, though many layers compute them once per row and column: `qr` may exceed
    what runs. All other categories must agree.
    """
    for stride in (1, 2):
        counts, work = _counted(case, stride)
        macs = counts.macs
        if not work.summed <= macs.total or not macs.total - macs.qr <= work.summed + work.added:
            # without position logits there is one right number
            exact = "" if macs.qr == 0 else f" ({macs.qr} of them qr, which may exceed what runs)"
            raise Nonconformity(
                f"counts {macs.total} multiply-accumulates{exact} on a map of {MAP[0]} x {MAP[1]} at stride {stride}, "
                f"but {work.summed} run; `count` returns what lies beyond nn.Conv2d and nn.Linear"
            )


def elementwise_work(case: Case) -> None:
    """Check that the counted softmax elements and inputs of pools are those of torch's operators that run."""
    for stride in (1, 2):
        counts, work = _counted(case, stride)
        for name, counted, runs in (
            ("softmax", counts.elementwise.softmax, work.softmax),
            ("pool_inputs", counts.elementwise.pool_inputs, work.pooled),
        ):
            # one written by hand, of exponentials and sums, is not seen
            if runs not in (0, counted):
                raise Nonconformity(
                    f"counts {counted} elements as {name} on a map of {MAP[0]} x {MAP[1]} at stride {stride}, "
                    f"but {runs} run; correct Elementwise({name}=...) of `count`"
                )


def _counted(case: Case, stride: int) -> tuple[Counts, Work]:
    layer = case.trained(stride=stride, size=MAP, dtype=torch.float32)
    x = case.images(*MAP, batch=1, dtype=torch.float32)
    work = work_of(layer, x)
    if work.opaque:
        raise NotApplicable(
            f"{work.opaque[0]} cannot be looked into; give its decomposition, decompositions=[...], or a formula by "
            "torch.utils.flop_counter.register_flop_formula"
        )
    return count_module(layer, x), work


def training_memory_estimate(case: Case) -> None:
    """Check that a training step's memory, counted on the meta device, is what autograd keeps, within a factor of 2."""
    architecture = case.architecture(side=12)
    images = 4
    with seeded():
        network = build(architecture).train()
    image = architecture.image
    measured = kept_by_autograd(
        network, random_maps(images, image.channels, image.height, image.width, dtype=torch.float32)
    )
    estimated = training_memory(architecture).of_batch(images)
    if not 1 / MEMORY_FACTOR <= estimated / measured <= MEMORY_FACTOR:
        raise Nonconformity(
            f"a training step is said to keep {estimated} bytes and keeps {measured}; let forward do the same on the "
            "meta device as elsewhere, and the fake form of a custom operator keep what the real one does"
        )


def kept_by_autograd(network: nn.Module, x: torch.Tensor) -> int:
    """Return the bytes that a step keeps: weights, gradients and two moments, buffers, batch and saved maps."""
    held: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        torch.log_softmax(network(x), 1)
    for owned in (x, *network.parameters(), *network.buffers()):
        held.pop(owned.untyped_storage().data_ptr(), None)
    state = 4 * sum(one.nbytes for one in network.parameters()) + sum(one.nbytes for one in network.buffers())
    return state + x.nbytes + sum(tensor.untyped_storage().nbytes() for tensor in held.values())
