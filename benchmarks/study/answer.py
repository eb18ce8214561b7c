"""The answer in sentences: where each operator gains, loses, or does neither that the seeds allow to see."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from study.style import NAMES, TITLES

Effect = Mapping[str, Any]
Reading = Callable[[Effect], tuple[float, bool] | None]
"""An effect's value and whether it stands out; None where it cannot be told."""


def answer(results: Mapping[str, Any]) -> str:
    """Return a list item for each table, operator and way of counting."""
    lines = []
    for name, result in results.items():
        for kind in dict.fromkeys(effect["operator"] for effect in result["effects"]):
            effects = [effect for effect in result["effects"] if effect["operator"] == kind]
            lines.append(f"- **{TITLES[name]}, {NAMES[kind]}.** " + " ".join(_sentences(result["stages"], effects)))
    return "\n".join(lines)


def _sentences(stages: Sequence[str], effects: Sequence[Effect]) -> list[str]:
    readings: dict[str, Reading] = {
        "As trained": lambda effect: (effect["raw"]["value"], effect["p_adjusted"] < 0.05),
        "At equal FLOPs": lambda effect: _matched(effect["flops"]),
        "At equal latency": lambda effect: _matched(effect["latency"]),
    }
    found = []
    for words, reading in readings.items():
        told = [(stages[effect["stage"]], reading(effect)) for effect in effects]
        known = [(stage, one) for stage, one in told if one is not None]
        if known:
            found.append(f"{words} it {_said(known)}.")
    return found


def _matched(cost: Mapping[str, Any] | None) -> tuple[float, bool] | None:
    if cost is None or cost["matched"] is None or cost["misleading"]:
        return None
    return cost["matched"]["value"], cost["clear"]


def _said(known: Sequence[tuple[str, tuple[float, bool]]]) -> str:
    verbs = {
        "gains in": [stage for stage, (value, clear) in known if clear and value > 0],
        "loses in": [stage for stage, (value, clear) in known if clear and value < 0],
        "makes no clear difference in": [stage for stage, (_, clear) in known if not clear],
    }
    return "; ".join(f"{verb} {_listed(stages)}" for verb, stages in verbs.items() if stages)


def _listed(stages: Sequence[str]) -> str:
    short = [stage.removeprefix("stage ").replace(", ", " (") + ")" for stage in stages]
    word = "stage" if len(short) == 1 else "stages"
    return f"{word} {' and '.join(filter(None, [', '.join(short[:-1]), short[-1]]))}"
