"""Measurement of the latency of one network."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sasa_nas.cost.latency import Latency
from sasa_nas.cost.latency_cache import Setting, latency_of
from sasa_nas.errors import UserError
from sasa_nas.space import Architecture, Image, NetworkDescription
from sasa_nas.tasks import TASKS
from sasa_nas.training.device import describe_device, pick_device
from sasa_nas.workflows.loading import within_memory

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class LatencyRequest:
    """Settings of a measurement of latency.

    Attributes:
        batches: Batch sizes.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        threads: CPU threads; torch's own number if None.
        dtype: Name of the number format, one of `DTYPES`.
        fresh: Whether to ignore the cache.
    """

    batches: Sequence[int] = (1, 128)
    device: str = "auto"
    threads: int | None = None
    dtype: str = "float32"
    fresh: bool = False


def setting_of(device: str, *, threads: int | None, dtype: str) -> Setting:
    """Return the setting that latencies are measured in.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        threads: CPU threads; default: torch's own number.
        dtype: Name of the number format, one of `DTYPES`.

    Raises:
        UserError: If there is no such device or type.
    """
    if dtype not in DTYPES:
        raise UserError(f"no latency of '{dtype}'; there is: {', '.join(DTYPES)}")
    where = pick_device(device)
    return Setting(where, describe_device(where), threads or torch.get_num_threads(), DTYPES[dtype])


def measure_network(
    network: NetworkDescription,
    batches: Sequence[int],
    setting: Setting,
    *,
    image_size: int | None = None,
    fresh: bool = False,
) -> list[Latency]:
    """Measure the time of one forward pass for each batch size, or return it from the cache.

    Args:
        network: A classifier.
        batches: Batch sizes.
        setting: Device, threads and type of the measurement.
        image_size: Height and width in pixels; default: the network's own.
        fresh: Whether to ignore the cache.

    Raises:
        UserError: If the network is no classifier, or the GPU's memory does not suffice.
    """
    if not isinstance(network, Architecture):
        raise UserError(f"latencies are of classifiers; describe the {TASKS[network.task].network}'s backbone instead")
    if image_size is not None:
        fields = {name: getattr(network, name) for name in type(network).model_fields}
        image = Image(channels=network.image.channels, height=image_size, width=image_size)
        network = Architecture(**{**fields, "image": image})
    found = []
    for batch in batches:
        with within_memory(batch):
            found.append(latency_of(network, batch, setting, fresh=fresh))
    return found
