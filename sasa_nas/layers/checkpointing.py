"""Gradient checkpointing of a block, without a second update of its running statistics."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def checkpointed(block: nn.Module, x: Tensor) -> Tensor:
    """Return `block(x)` without keeping its activations, which the backward pass computes again.

    Chen et al. 2016, arXiv 1604.06174. Gradients and running statistics are those of a plain call: batch norms are
    updated by the forward pass alone.

    Args:
        block: A module from one tensor to one tensor.
        x: Input of the block.
    """
    out: Tensor = checkpoint(block, x, use_reentrant=False, context_fn=lambda: (nullcontext(), _without_updates(block)))
    return out


@contextmanager
def _without_updates(block: nn.Module) -> Iterator[None]:
    """Keep batch norms from updating their running statistics."""
    norms = [part for part in block.modules() if isinstance(part, nn.BatchNorm2d)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        # without `track_running_stats` fewer tensors would be saved than in the forward pass, an error to torch
        norm.momentum = 0.0
        norm.num_batches_tracked = None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone()
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
