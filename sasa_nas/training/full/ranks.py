"""Processes that train one network together, each with its part of every batch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]
from torch.nn.parallel import DistributedDataParallel

from sasa_nas.errors import UserError

PATIENCE = timedelta(minutes=30)
"""Longest wait of a process for the others, which one of them may spend reading a slow disk."""


@dataclass(frozen=True)
class Ranks:
    """The place of this process among those that train together.

    Attributes:
        rank: Number of this process, from 0. The first one writes all files.
        size: Number of processes.
        local: Number of this process among those of its machine, which is the number of its GPU.
    """

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def leads(self) -> bool:
        """True in the process that writes files and reports progress."""
        return self.rank == 0

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over all processes of a tensor of the same shape in each."""
        if self.size == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total

    def same(self, tensors: list[Tensor]) -> None:
        """Overwrite tensors by those of the first process."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def parallel(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return the module whose backward passes average gradients over all processes, and which holds `model`.

        Args:
            model: The same one in each process, on `device`.
            device: Device of this process.
        """
        if self.size == 1:
            return model
        return DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)

    def told(self, content: bytes | None, device: torch.device) -> bytes | None:
        """Return what the first process passes.

        Args:
            content: Bytes, or None; only that of the first process counts.
            device: Device of this process, by which the bytes travel.
        """
        if self.size == 1:
            return content
        length = torch.tensor([-1 if content is None else len(content)], device=device)
        dist.broadcast(length, src=0)
        count = int(length.item())
        if count < 0:
            return None
        if self.leads and content is not None:
            data = torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0).byte()
            data = data.to(device)
        else:
            data = torch.empty(count, dtype=torch.uint8, device=device)
        dist.broadcast(data, src=0)
        return data.cpu().numpy().tobytes()


def store_of(port: int | None) -> TCPStore:
    """Return the store by which processes of this machine find each other.

    Args:
        port: Port of an existing one; None makes one, at a free port.
    """
    here = port is None
    return TCPStore("127.0.0.1", port or 0, is_master=here, wait_for_workers=False, timeout=PATIENCE)


ALONE = Ranks()
"""A process that trains by itself."""


def launched_ranks() -> Ranks:
    """Return the place that a launcher such as `torchrun` has put into the environment; `ALONE` without one.

    Raises:
        UserError: If the environment's numbers are not those of a launcher.
    """
    try:
        size = int(os.environ.get("WORLD_SIZE") or 1)
        if size == 1:
            return ALONE
        rank = int(os.environ["RANK"])
        return Ranks(rank, size, int(os.environ.get("LOCAL_RANK", rank)))
    except (KeyError, ValueError) as error:
        raise UserError(
            "WORLD_SIZE is set, but it or RANK is not a number: start the processes by torchrun, or unset WORLD_SIZE"
        ) from error


@contextmanager
def connected(ranks: Ranks, device: torch.device, store: Store | None = None) -> Iterator[None]:
    """Connect the processes inside a `with` block: by NCCL if they train on GPUs, else by Gloo.

    Args:
        ranks: The place of this process.
        device: Its device.
        store: Store by which they find each other; if None, that of the environment's address (`torchrun`).

    Raises:
        UserError: If the others do not come.
    """
    if ranks.size == 1:
        yield
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    try:
        if store is None:
            dist.init_process_group(backend, timeout=PATIENCE)
        else:
            dist.init_process_group(backend, store=store, rank=ranks.rank, world_size=ranks.size, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"process {ranks.rank} of {ranks.size} does not find the others: {error}") from error
    try:
        yield
    finally:
        dist.destroy_process_group()
