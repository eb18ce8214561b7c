"""Round numbers for axes."""

import math

_TICKS: tuple[tuple[float, ...], ...] = (
    (1.0,),
    (1.0, 3.0),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0),
    (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0),
)
"""Multiples of a power of ten that may bear a tick, coarse to fine."""


def cost_ticks(low: float, high: float) -> list[float]:
    """Return round numbers between `low` and `high`, both positive: the coarsest series with four or more."""
    ticks: list[float] = []
    for multiples in _TICKS:
        powers = range(len(str(int(low))) - 2, len(str(int(high))) + 1)
        ticks = [m * 10.0**power for power in powers for m in multiples if low <= m * 10.0**power <= high]
        if len(ticks) >= 4:
            break
    return ticks


def linear_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Return at most `most` round numbers between `low` and `high`: multiples of 1, 2 or 5 times a power of ten.

    Args:
        low: Lower end; finite and below `high`.
        high: Upper end; finite.
        most: Most ticks; at least 2.
    """
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for multiple in (1, 2, 5, 10, 20):
        step = multiple * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            break
    # rounded: 3 * 0.1 is meant to be 0.3
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]
