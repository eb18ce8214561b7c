"""Short names of designs and numbers, for tables and figures where the full ones do not fit."""

from collections.abc import Sequence

from sasa_nas.errors import printable
from sasa_nas.objectives import OBJECTIVES, Objective
from sasa_nas.operators import OPERATORS, Operator
from sasa_nas.space import Architecture

_LONGEST_LABEL = 24
"""Characters of an operator's label."""
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))


def operator_label(operator: Operator) -> str:
    """Return the operator's short name and the side of its window, as in `local7`; whole-map attention has none."""
    short = OPERATORS[operator.kind].short if operator.kind in OPERATORS else operator.kind[:6]
    # of an operator of one's own, a run's file says what the label is
    return printable(f"{short}{operator.label}", longest=_LONGEST_LABEL)


def operator_letter(kind: str) -> str:
    """Return the letter of a kind of operator, by which a network's stages read as a word such as `CCLL`.

    A kind that is not registered, as in the run of an operator of one's own, has a question mark.
    """
    return OPERATORS[kind].letter if kind in OPERATORS else "?"


def stage_name(stage: int) -> str:
    """Return the name of a stage for people, who count from 1, as the data count from 0: `stage 1` is `stages[0]`."""
    return f"stage {stage + 1}"


def stage_labels(architecture: Architecture) -> list[str]:
    """Return the `operator_label` of every stage."""
    return [operator_label(stage.operator) for stage in architecture.stages]


def stage_letters(architecture: Architecture) -> str:
    """Return the letters of all stages, as in `CCLL`."""
    return "".join(operator_letter(stage.operator.kind) for stage in architecture.stages)


def attention_stages(architecture: Architecture) -> int:
    """Return the number of stages that use attention: any operator but a convolution."""
    return sum(stage.operator.attends for stage in architecture.stages)


def shortened(name: str, most: int = 40) -> str:
    """Return a name as one printable line, its middle left out where it is longer than `most` characters."""
    name = printable(name)
    return name if len(name) <= most else f"{name[: most // 2 - 2]}...{name[-most // 2 + 1 :]}"


def compact_count(number: float) -> str:
    """Return a count in three significant digits and a unit (K, M, G, T), as in `3.42M`; below a thousand, as it is."""
    for unit, letter in _UNITS:
        # 999,600 rounds to 1000K, which is 1M
        if abs(number) >= unit * 0.9995:
            return f"{_three_digits(number / unit)}{letter}"
    return f"{number:.0f}"


def compact_bytes(number: float) -> str:
    """Return a number of bytes in three significant digits and a decimal unit, as in `3.42 MB`."""
    text = compact_count(number)
    digits, unit = (text[:-1], text[-1].replace("K", "k")) if text[-1].isalpha() else (text, "")
    return f"{digits} {unit}B"


def compact_seconds(seconds: float) -> str:
    """Return a length of time in three significant digits, as in `1.25 ms`, `83 µs` or `2 s`."""
    for unit, name in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= unit * 0.9995:
            return f"{_three_digits(seconds / unit)} {name}"
    return f"{_three_digits(seconds / 1e-6)} µs"


def objective_label(name: str, value: float | None) -> str:
    """Return the value of an objective with its unit, or `-` if it is None."""
    if value is None:
        return "-"
    match OBJECTIVES[name].unit:
        case "count":
            return compact_count(value)
        case "bytes":
            return compact_bytes(value)
        case "seconds":
            return compact_seconds(value)
        case "share":
            return f"{100 * value:.2f}%"


def further_objectives(objectives: Sequence[str]) -> list[Objective]:
    """Return those objectives that have a column only on request."""
    return [OBJECTIVES[name] for name in objectives if OBJECTIVES[name].asked]


def _three_digits(number: float) -> str:
    decimals = 2 if abs(number) < 9.995 else 1 if abs(number) < 99.95 else 0
    text = f"{number:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
