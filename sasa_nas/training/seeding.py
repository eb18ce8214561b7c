"""Seeding of random numbers in a block of code, without an effect on the code around it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's generators inside a `with` block and restore their states after it.

    Weights drawn inside depend on `seed` alone:

        with seeded(3):
            model = build(architecture)

    CUDA's generators are seeded only if CUDA has been initialised.

    Args:
        seed: Seed, non-negative and below 2**63.
    """
    has_cuda: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = list(range(torch.cuda.device_count())) if has_cuda else []
    with torch.random.fork_rng(devices=devices):
        # Not torch.manual_seed: it would also queue a seed for a CUDA that is initialised later.
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed_all(seed)
        yield
