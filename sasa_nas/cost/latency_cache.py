"""Latencies of whole architectures, measured once per machine and kept in the user's cache folder."""

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from sasa_nas._version import __version__
from sasa_nas.cost.latency import Latency, measure_latency
from sasa_nas.files import private_cache, write_text
from sasa_nas.models.builder import build
from sasa_nas.models.layout import channels_last, to_channels_last
from sasa_nas.space.architecture import Architecture

Alone = Callable[[], AbstractContextManager[None]]
"""A function that returns a context in which nothing else uses the device."""


@dataclass(frozen=True)
class Setting:
    """Setting of a measurement of latency.

    Attributes:
        device: Device of the measurement.
        device_name: Model of the device, as latencies of one GPU do not hold for another.
        threads: Number of CPU threads.
        dtype: Type of weights and images.
    """

    device: torch.device
    device_name: str
    threads: int = 1
    dtype: torch.dtype = torch.float32


def latency_of(
    architecture: Architecture, batch: int, setting: Setting, *, fresh: bool = False, alone: Alone = nullcontext
) -> Latency:
    """Return the latency of `architecture` with random weights, from the cache if it was measured before.

    A cached value that is damaged, or of other versions of torch or this package, is ignored. The process's random
    state is left unchanged.

    Args:
        architecture: The network.
        batch: Batch size.
        setting: Setting of the measurement.
        fresh: Whether to ignore the cache.
        alone: Function that returns a context, entered while measuring but not for a cached value.
    """
    facts = _facts(architecture, batch, setting)
    file = _file(facts)
    kept = None if fresh or file is None else _read(file, facts)
    if kept is not None:
        return kept
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = build(architecture)
        image = architecture.image
        x = torch.randn(batch, image.channels, image.height, image.width)
    network = to_channels_last(network.to(setting.device, setting.dtype))
    x = channels_last(x.to(setting.device, setting.dtype))
    with alone():
        latency = measure_latency(network, x, threads=setting.threads)
    if file is None:
        return latency
    # a cache that cannot be written is no loss
    with suppress(OSError):
        write_text(file, json.dumps({"facts": facts, "latency": asdict(latency)}, indent=2) + "\n")
    return latency


def _facts(architecture: Architecture, batch: int, setting: Setting) -> dict[str, str | int]:
    """Return the facts that a latency depends on."""
    return {
        "architecture_id": architecture.id,
        "device": setting.device.type,
        "device_name": setting.device_name,
        "dtype": str(setting.dtype).removeprefix("torch."),
        "layout": "channels_last",
        "batch": batch,
        "threads": setting.threads,
        "torch": str(torch.__version__),
        "sasa_nas": __version__,
    }


def _file(facts: dict[str, str | int]) -> Path | None:
    """Return the file of a latency; None if there is no private cache folder."""
    name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    try:
        return private_cache("latency") / f"{name}.json"
    except OSError:
        return None


def _read(file: Path, facts: dict[str, str | int]) -> Latency | None:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return Latency(**kept["latency"]) if kept["facts"] == facts else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
