"""Processes that a training asks a Ray cluster for, and the place of one of them; nothing here imports Ray."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sasa_nas.training.full.ranks import Ranks


@dataclass(frozen=True)
class ClusterRanks:
    """Number of processes of a cluster that train together, which may change while they do.

    Attributes:
        address: Address of the cluster, or `auto` for the one that this machine is part of.
        least: Fewest processes that train; with fewer, the training waits for nodes.
        most: Most processes.
        device: `auto`, `cpu` or `cuda`: a GPU of its own for each, or a core; `auto` takes GPUs if there are enough.
    """

    address: str
    least: int
    most: int
    device: str = "auto"


@dataclass(frozen=True)
class Place:
    """Place of a process on a cluster.

    Attributes:
        ranks: Its place among those that train together, to which it is connected.
        device: `cpu` or `cuda`.
        neighbours: Number of these processes on its machine, itself included.
        host: Name of its machine.
    """

    ranks: Ranks
    device: str
    neighbours: int
    host: str


class Listener(Protocol):
    """Receiver of the news of processes on a cluster, in the process that asked for them."""

    def received(self, message: Any) -> None:
        """Take a message that the work of a process has sent."""

    def grouped(self, size: int, lost: Sequence[str]) -> None:
        """Report that so many processes begin, or begin again from what is on the disk.

        Args:
            size: Number of processes.
            lost: Addresses of the nodes that have been lost since the last time.
        """

    def awaited(self, least: int, lost: Sequence[str]) -> None:
        """Report that the nodes that are left hold fewer than `least` processes, so that more are waited for."""

    def furthest(self) -> tuple[int, ...]:
        """Return the furthest place of the work so far: failures count only while it stays the same."""
