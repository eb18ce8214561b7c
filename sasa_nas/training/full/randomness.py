"""Random numbers of a micro-batch, which depend on its place in the training alone."""

import torch

from sasa_nas.data.batches import epoch_seed

_MODEL, _BATCH = 2, 3
"""Uses of random numbers, apart from those of orders and augmentation."""
_USES = 4


def seed_model(seed: int, update: int, part: int, device: torch.device) -> None:
    """Seed PyTorch's generators, of which dropout and stochastic depth draw, for a micro-batch.

    Args:
        seed: Seed of the training.
        update: Number of updates before.
        part: Number of the micro-batch in its update, over all ranks.
        device: Device of the model.
    """
    own = epoch_seed(seed, update, stream=_MODEL + _USES * part)
    torch.default_generator.manual_seed(own)
    if device.type == "cuda":
        torch.cuda.manual_seed(own)


def batch_generator(seed: int, update: int, part: int) -> torch.Generator:
    """Return the generator for the erasing and the mixing of a micro-batch, on the CPU; see `seed_model`."""
    return torch.Generator().manual_seed(epoch_seed(seed, update, stream=_BATCH + _USES * part))
