"""Starts a private Ray for one search, or joins a cluster, and leaves nothing behind."""

from collections.abc import Iterator
from contextlib import contextmanager

import ray

from sasa_nas.cluster.connection import RayStart, shut_down
from sasa_nas.errors import UserError
from sasa_nas.run import SearchSettings
from sasa_nas.scratch import Scratch
from sasa_nas.searching.driver.daemons import DaemonWatch


@contextmanager
def ray_cluster(settings: SearchSettings, go_on: str) -> Iterator[int]:
    """Ray for the length of a `with` block.

    Args:
        settings: Settings of the search.
        go_on: The command that goes on with the search, should a private Ray break down.

    Yields:
        How many trials can run at a time.

    Raises:
        UserError: If the cluster cannot be reached, cannot hold a single trial, or has broken down.
    """
    scratch = watch = None
    ray_start = RayStart(settings.address)
    try:
        if settings.address is None:
            scratch = Scratch(for_sockets=True)
            watch = DaemonWatch(f"nothing finished is lost, go on with `{go_on}`")
        # inside: Ray opens its folder, with its sockets, to every user
        ray_start.carry_out(scratch.path / "r" if scratch else None)
        if watch is not None:
            watch.started()
        yield trials_at_a_time(settings)
    finally:
        if watch is not None:
            watch.shut_down()
        try:
            shut_down()
        finally:
            ray_start.over.set()
            if watch is not None:
                watch.close()
            if scratch is not None:
                scratch.close()
        if watch is not None and watch.lost is not None:
            raise UserError(watch.lost)


def trials_at_a_time(settings: SearchSettings) -> int:
    """Return the number of trials that the cluster's CPUs and GPUs hold, `settings.workers` at most.

    Raises:
        UserError: If they hold none.
    """
    resources = ray.cluster_resources()
    cpus, gpus = resources.get("CPU", 0.0), resources.get("GPU", 0.0)
    slots = int(cpus / settings.cpus_per_trial)
    if settings.gpus_per_trial:
        slots = min(slots, int(gpus / settings.gpus_per_trial + 1e-9))
    if slots < 1:
        raise UserError(
            f"a trial wants {settings.cpus_per_trial} CPUs and {settings.gpus_per_trial:g} GPUs, but Ray has "
            f"{cpus:g} and {gpus:g}; lower --cpus-per-trial or --gpus-per-trial"
        )
    return min(slots, settings.workers or slots)
