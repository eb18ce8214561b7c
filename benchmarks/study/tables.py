"""The tables that the study reads, and their networks as observations."""

import hashlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sasa_nas.analysis.where.linear import Estimate
from sasa_nas.errors import UserError
from sasa_nas.space import Architecture
from sasa_nas.surrogate.factors import Vector
from sasa_nas.table import Table, load_table
from sasa_nas.table.reliability import Reliability, estimate_reliability, final_accuracies

TABLES = ("groups_64_tiny_imagenet", "hybrid256_32_cifar10", "hybrid256_digits")
"""Natural images first, then the digits that they are compared with."""
NATURAL = TABLES[:2]
BASELINE = "conv"


@dataclass(frozen=True, eq=False)
class Studied:
    """One table, its networks' mean final accuracies, and the noise that these have from their seeds.

    Attributes:
        name: The file's, without its suffixes.
        sha256: Of the file.
        table: The table.
        means: (N,), the mean over a network's seeds.
        counts: (N,), trainings of each network.
        noise: Between seeds of one network, pooled.
    """

    name: str
    sha256: str
    table: Table
    means: Vector
    counts: Vector
    noise: Reliability

    @property
    def architectures(self) -> list[Architecture]:
        """The networks, in the order of `means`."""
        return [row.architecture for row in self.table.rows]

    @property
    def flops(self) -> Vector:
        """(N,), FLOPs of one image."""
        return np.array([row.flops for row in self.table.rows], dtype=np.float64)

    @property
    def latency(self) -> Vector | None:
        """(N,), seconds of one image; None where the table has none."""
        latencies = [row.latency for row in self.table.rows if row.latency is not None]
        return np.array(latencies) if len(latencies) == len(self.table.rows) else None

    def estimate(self, weights: Vector) -> Estimate:
        """Sum the networks' mean accuracies with these weights.

        The table holds every network of its space, so that nothing but the seeds' noise is uncertain: the variance is
        the pooled one of a training times the sum of w^2 / n.
        """
        error = self.noise.within * float(np.sqrt((weights**2 / self.counts).sum()))
        return Estimate(float(weights @ self.means), error, self.noise.degrees)


def read_studied(path: Path) -> Studied:
    """Read a table.

    Raises:
        UserError: If it cannot be read, or none of its networks was trained twice.
    """
    table = load_table(path)
    finals = final_accuracies(table)
    noise = estimate_reliability(finals)
    if noise is None:
        raise UserError(f"{path}: no network has two trainings, from which noise could be told")
    return Studied(
        name=path.name.removesuffix(".json.gz"),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        table=table,
        means=np.array([statistics.fmean(values) for values in finals]),
        counts=np.array([float(len(values)) for values in finals]),
        noise=noise,
    )


def sides(architecture: Architecture) -> list[int]:
    """Return the side in pixels of the map that each stage's operator works on, that before the stage strides."""
    side = -(-architecture.image.height // architecture.stem.reduction)
    found = []
    for stage in architecture.stages:
        found.append(side)
        side = -(-side // stage.stride)
    return found


def stage_titles(architecture: Architecture) -> list[str]:
    """Return a name for each stage, as in `stage 1, 64 px`."""
    return [f"stage {i}, {side} px" for i, side in enumerate(sides(architecture), start=1)]


def has(architectures: Sequence[Architecture], stage: int, kind: str) -> Vector:
    """Return (N,), 1 where a network has an operator of this kind in a stage, else 0."""
    return np.array([float(one.stages[stage].operator.kind == kind) for one in architectures])
