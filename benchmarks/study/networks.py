"""The networks of a small table one by one, and each against the all-convolution network."""

from dataclasses import dataclass

import numpy as np

from sasa_nas.analysis.labels import operator_letter, stage_letters
from sasa_nas.analysis.where.linear import Estimate
from study.tables import Studied

MOST = 32
"""Networks of a table, up to which they are told one by one."""


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
        name: A letter a stage, as in `CCLL`.
        accuracy: Mean over seeds.
        gain: Over the all-convolution network; None for that one, and where the table has none.
        flops: Of one image.
        params: Parameters.
        latency: Seconds of one image.
    """

    name: str
    accuracy: Estimate
    gain: Estimate | None
    flops: int
    params: int
    latency: float | None


def networks(studied: Studied) -> list[Network]:
    """Return the networks, the cheapest first; none of a table of more than `MOST`."""
    names = [stage_letters(one) for one in studied.architectures]
    if len(names) > MOST:
        return []
    single = np.eye(len(names))
    plain = next((i for i, name in enumerate(names) if set(name) == {operator_letter("conv")}), None)
    found = [
        Network(
            name=name,
            accuracy=studied.estimate(single[i]),
            gain=None if plain in (None, i) else studied.estimate(single[i] - single[plain]),
            flops=row.flops,
            params=row.params,
            latency=row.latency,
        )
        for i, (name, row) in enumerate(zip(names, studied.table.rows, strict=True))
    ]
    return sorted(found, key=lambda one: one.flops)
