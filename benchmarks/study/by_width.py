"""Effects at equal FLOPs by what FLOPs buy as width, as `exchange.py` left them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from study.markdown import markdown
from study.style import TITLES

Results = Mapping[str, Any]
"""Results of `exchange.py` by table."""


@dataclass(frozen=True)
class ByWidth:
    """An effect on accuracy less what its FLOPs buy as width of the all-convolution network.

    Attributes:
        value: The effect.
        low: Lower end of its 95 % interval.
        high: Upper end of its interval.
        p_adjusted: By Holm for all effects of the table.
    """

    value: float
    low: float
    high: float
    p_adjusted: float


Exchanged = Mapping[tuple[int, str], ByWidth]
"""Effects by stage and operator."""


def exchanged(found: Results, name: str, sha256: str) -> Exchanged:
    """Return the effects of a table; none if it was not asked for them, or has changed since.

    Args:
        found: Results of all tables.
        name: The table's name.
        sha256: Of the table's file.
    """
    result = found.get(name)
    if result is None or result["sha256"] != sha256:
        return {}
    return {
        (effect["stage"], effect["operator"]): ByWidth(
            **{field: effect["at_equal_flops"][told] for field, told in _FIELDS.items()}
        )
        for effect in result["effects"]
    }


_FIELDS = {"value": "effect", "low": "low", "high": "high", "p_adjusted": "p_adjusted"}


def rates(found: Results) -> str:
    """Return what doubled FLOPs buy in each table, in points of accuracy, as a table."""
    rows = []
    for name, result in found.items():
        rate, trainings = result["per_doubling"], result["trainings"]
        flops = [one["flops"] / 1e6 for one in trainings]
        value, low, high = (100 * rate[end] for end in ("effect", "low", "high"))
        rows.append(
            [
                TITLES[name],
                f"{len(trainings)} at {len(set(flops))} widths",
                f"{min(flops):.2f} to {max(flops):.2f}",
                f"{value:+.2f} ({low:+.2f} to {high:+.2f})",
            ]
        )
    header = ["table", "trainings", "MFLOPs", "doubled FLOPs buy, points"]
    return markdown(header, rows) if rows else "*Not trained yet.*"
