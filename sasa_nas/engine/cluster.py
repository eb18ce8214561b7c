"""Starts a private Ray for one search, or joins a cluster, and leaves nothing behind."""

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import ray

from sasa_nas.engine.daemons import DaemonWatch
from sasa_nas.engine.scratch import Scratch
from sasa_nas.errors import UserError, one_line
from sasa_nas.run import SearchSettings

OBJECT_STORE_BYTES = 100 * 2**20
"""Shared memory of a private Ray. Only small reports pass through it: workers read data sets themselves."""

ANSWER_SECONDS = 10.0
"""How long a cluster may take to accept a connection."""


@contextmanager
def ray_cluster(settings: SearchSettings, go_on: str) -> Iterator[int]:
    """Ray for the length of a `with` block.

    Args:
        settings: Of the search.
        go_on: The command that goes on with the search, should a private Ray break down.

    Yields:
        How many trials can run at a time.

    Raises:
        UserError: If the cluster cannot be reached, cannot hold a single trial, or has broken down.
    """
    scratch = watch = None
    try:
        with _own_handlers():
            if settings.address is None:
                scratch = Scratch()
                watch = DaemonWatch(f"nothing finished is lost, go on with `{go_on}`")
                _start(scratch.path)
            else:
                _join(settings.address)
        yield trials_at_a_time(settings)
    finally:
        if watch is not None:
            watch.dismiss()
        try:
            ray.shutdown()
        finally:
            if watch is not None:
                watch.close()
            if scratch is not None:
                scratch.close()
        if watch is not None and watch.lost is not None:
            raise UserError(watch.lost)


@contextmanager
def _own_handlers() -> Iterator[None]:
    """Keep the process's handling of SIGTERM, which Ray replaces by one that prints a trace and ends at once."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        with suppress(ValueError):  # in another thread Ray has replaced nothing
            signal.signal(signal.SIGTERM, handler)


def _start(temporary: Path) -> None:
    """Starts a private Ray."""
    try:
        ray.init(
            address="local",
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            _temp_dir=str(temporary),
        )
    # a machine that is too busy, or out of memory, comes as an error of any type
    except Exception as error:
        raise UserError(
            f"Ray could not be started on this machine: {one_line(error)[:200]}; try again when it has more room"
        ) from error


def _join(address: str) -> None:
    """Joins a running cluster, asking first whether anybody listens: Ray itself would wait for minutes."""
    try:
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if port.isdigit():
            socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"no Ray cluster answers at --address {address}: {one_line(error)[:160]}; "
            "start one with `ray start --head`, set RAY_AUTH_MODE=token if it wants a token, or leave --address out"
        ) from error


def trials_at_a_time(settings: SearchSettings) -> int:
    """How many trials the cluster's CPUs and GPUs hold, `settings.workers` at most; Ray runs.

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
