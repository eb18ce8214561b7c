"""A full training with one seed as data, and the device and the readers of a rank that takes part in it."""

import os
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from sasa_nas.errors import UserError
from sasa_nas.recipes import FullRecipe
from sasa_nas.space import Architecture
from sasa_nas.streaming.splits import StreamedSplits, open_streamed
from sasa_nas.training.device import pick_device
from sasa_nas.training.freezing import Frozen
from sasa_nas.training.full.ranks import Ranks


class FullTask(BaseModel):
    """A full training with one seed, as sent to the ranks that share it.

    Attributes:
        architecture: The network, fitted to the data.
        recipe: The recipe.
        dataset: Name or folder of the data set.
        data_dir: Folder of data sets; None for the default one.
        image_size: Side of the data set's images in pixels; None for its own.
        train_images: Size of the subset to train on; None for all images.
        whole_train: Whether the validation part is trained on, too.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        workers: Processes that read images, for each rank.
        divided_for: Number of ranks for which a batch is divided into micro-batches, at least that of the ranks.
        seed: The seed.
        place: Folder of the seed, which the first rank alone writes to.
        inherited: File of the initial weights, which the first rank reads; None if they are drawn.
        frozen: Parts of the network that keep them.
        timed_for: Seconds for which the training is timed, instead of carried out; None to carry it out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture
    recipe: FullRecipe
    dataset: str
    data_dir: Path | None
    image_size: int | None
    train_images: int | None
    whole_train: bool
    device: str
    workers: int
    divided_for: int
    seed: int
    place: Path
    inherited: Path | None
    frozen: Frozen
    timed_for: float | None = None

    def open(self) -> StreamedSplits:
        """Open the data set."""
        return open_streamed(
            self.dataset,
            data_dir=self.data_dir,
            image_size=self.image_size,
            train_images=self.train_images,
            whole_train=self.whole_train,
        )


def rank_device(name: str, ranks: Ranks) -> torch.device:
    """Return the device of a rank: a GPU of its own, or the CPU.

    Args:
        name: `auto`, `cpu`, `cuda` or `cuda:N`.
        ranks: Place of the process.

    Raises:
        UserError: If there is no such device, or are fewer GPUs than ranks on this machine.
    """
    device = pick_device(name)
    if device.type == "cpu" or ranks.size == 1:
        return device
    if device.index is not None:
        raise UserError(f"--device {name} is one GPU, and {ranks.size} processes train; use --device cuda")
    count = torch.cuda.device_count()
    if ranks.local >= count:
        raise UserError(f"more processes than GPUs on this machine ({count}); start at most one for each")
    return torch.device("cuda", ranks.local)


def default_workers(ranks: int) -> int:
    """Return the number of processes that read images for one rank: those of its cores that are left, 16 at most."""
    return min(16, len(os.sched_getaffinity(0)) // ranks - 1) if ranks else 0
