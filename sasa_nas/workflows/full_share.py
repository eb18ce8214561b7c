"""Division of a full training's work among processes: of this machine, of a launcher, or of a Ray cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sasa_nas.cluster.request import ClusterRanks
from sasa_nas.errors import UserError
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import TrainingSettings
from sasa_nas.training.full.ranks import ALONE, Ranks, connected, launched_ranks
from sasa_nas.workflows.full_cluster import require_cluster
from sasa_nas.workflows.full_ranks import follow
from sasa_nas.workflows.full_task import default_workers, rank_device


@dataclass(frozen=True)
class Share:
    """Division of a full training's work, which does not change its result.

    Attributes:
        processes: Processes that train together, each on a GPU of its own, if there are any; on a cluster, the most.
        workers: Processes that read images, for each of these; None for the cores that are left.
        ranks: Place of this process among those of a launcher, to which it is connected.
        address: Address of the Ray cluster that trains; None for this machine, or those of a launcher.
        least: Fewest processes of the cluster with which the training goes on; None for all of them.
    """

    processes: int = 1
    workers: int | None = None
    ranks: Ranks = ALONE
    address: str | None = None
    least: int | None = None

    @property
    def size(self) -> int:
        """Number of ranks, or the most of them."""
        return self.ranks.size if self.ranks.size > 1 else self.processes

    @property
    def workers_of_rank(self) -> int:
        """Number of processes that read images for a rank of this machine."""
        return default_workers(self.size) if self.workers is None else self.workers

    def on_cluster(self, device: str) -> ClusterRanks | None:
        """Return what is asked of a cluster; None if none trains.

        Args:
            device: Device of the settings.
        """
        if self.address is None:
            return None
        return ClusterRanks(self.address, self.least or self.processes, self.processes, device)

    def release(self, device: str) -> None:
        """Let the other ranks of a launcher go, once all is done.

        Args:
            device: Device of the settings.
        """
        self.ranks.told(None, rank_device(device, self.ranks))


UNDIVIDED = Share()
"""All work in this process, but for the reading of images."""


def divided(processes: int | tuple[int, int], workers: int | None, address: str | None) -> Share:
    """Return a division of the work as a person asks for it.

    Args:
        processes: Number of processes, or the fewest and the most of a cluster.
        workers: Processes that read images, for each of these; None for the cores that are left.
        address: Address of the Ray cluster that trains; None for this machine.

    Raises:
        UserError: If the numbers are none of processes, or may change elsewhere than on a cluster.
    """
    least, most = (processes, processes) if isinstance(processes, int) else processes
    if not 1 <= least <= most:
        raise UserError(f"--gpus {least}:{most}: give the fewest and the most processes, such as 2:4")
    if least < most and address is None:
        raise UserError(f"--gpus {least}:{most}: the number of processes may change on a Ray cluster; give --address")
    return Share(most, workers, address=address, least=least)


@contextmanager
def connected_share(share: Share, settings: TrainingSettings) -> Iterator[Share]:
    """Connect to the ranks that a launcher has started with this one, the first, inside a `with` block, if it has.

    Args:
        share: Division of the work as asked for.
        settings: Settings with the device and the recipe.

    Yields:
        The division of the work with these ranks.

    Raises:
        UserError: If several processes cannot share the work, or the cluster does not answer or is too small.
    """
    ranks = launched_ranks()
    full = isinstance(settings.recipe, FullRecipe)
    if not full and (share.size > 1 or ranks.size > 1):
        raise UserError("several processes train by a full recipe alone; give --recipe, see `sasa-nas list recipes`")
    if not full and share.address is not None:
        raise UserError("a cluster trains by a full recipe alone; give --recipe, see `sasa-nas list recipes`")
    if ranks.size == 1:
        if (cluster := share.on_cluster(settings.device)) is not None:
            require_cluster(cluster)
        yield share
        return
    if share.processes > 1 or share.address is not None:
        raise UserError("a launcher has started these processes already; leave out --gpus and --address")
    with connected(ranks, rank_device(settings.device, ranks)):
        yield replace(share, ranks=ranks)


def follow_launched(device: str) -> None:
    """Take part in the trainings of a launcher's first process, until it has no more.

    Args:
        device: `auto`, `cpu` or `cuda`.

    Raises:
        UserError: If no launcher has started this process, or it cannot take part.
    """
    ranks = launched_ranks()
    if ranks.leads:
        raise UserError("no launcher has started this process as a follower of another: call train")
    place = rank_device(device, ranks)
    with connected(ranks, place):
        follow(ranks, place)
