"""Limits of a space on what a network costs, as far as that is counted."""

from collections.abc import Callable
from dataclasses import dataclass

from sasa_nas.operators.counts import Counts
from sasa_nas.space.proxy import Limits


@dataclass(frozen=True)
class Excess:
    """A network's cost beyond a limit.

    Attributes:
        name: Name of the cost: `flops`, `params` or `memory`.
        value: The cost.
        most: The limit.
    """

    name: str
    value: int
    most: float

    @property
    def share(self) -> float:
        """The excess as a share of the limit."""
        return self.value / self.most - 1.0


def excess_of(limits: Limits, counts: Counts, memory: Callable[[], int]) -> Excess | None:
    """Return the first limit that a network is beyond; None if it is within all that are counted.

    Args:
        limits: The limits. A latency is measured and not counted: its limit is none here.
        counts: Work and parameters of the network.
        memory: Function that returns the bytes of a training step with a whole batch; called only if they are limited.
    """
    wanted: dict[str, tuple[float | None, Callable[[], int]]] = {
        "flops": (limits.max_flops, counts.flops),
        "params": (limits.max_params, lambda: counts.params),
        "memory": (limits.max_memory, memory),
    }
    for name, (most, count) in wanted.items():
        if most is not None and count() > most:
            return Excess(name, count(), most)
    return None
