"""Factors in which networks differ, and their columns in a regression's design matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sasa_nas.nodes import Node
from sasa_nas.space import Architecture

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Level = str | int | float | bool

BASELINE = "conv"
"""Baseline level of operators and stems, if it is an option."""
MOST_LEVELS = 4
"""Most levels of a numeric factor with an effect each; with more, only the trend over them is estimated."""

Values = Mapping[str, Level]
"""A network as a value for each of its factors, such as `stages[0].operator` or, below it,
`stages[0].operator.local_attention.kernel_size`."""


def values_of(network: Architecture) -> dict[str, Level]:
    """Return all fields of a network by path; fields of one kind of operator or stem are below that kind."""
    found: dict[str, Level] = {"stages": len(network.stages)}
    for name in type(network).model_fields:
        if name not in ("image", "num_classes", "stages"):
            _flatten(getattr(network, name), name, found)
    for i, stage in enumerate(network.stages):
        for name in type(stage).model_fields:
            _flatten(getattr(stage, name), f"stages[{i}].{name}", found)
    return found


def _flatten(value: object, path: str, found: dict[str, Level]) -> None:
    if isinstance(value, Node):
        kind: str = getattr(value, "kind", type(value).__name__)
        found[path] = kind
        for name in type(value).model_fields:
            if name != "kind":
                _flatten(getattr(value, name), f"{path}.{kind}.{name}", found)
    elif value is None:
        found[path] = "none"
    elif isinstance(value, str | int | float | bool):
        found[path] = value


@dataclass(frozen=True)
class Factor:
    """A field in which networks differ.

    Attributes:
        name: Path of the field.
        levels: Values of the factor, the baseline first.
        within: The factor and the level that it belongs to; None if every network has it.
        numeric: Whether only the trend over its levels is estimated.
    """

    name: str
    levels: tuple[Level, ...]
    within: tuple[str, Level] | None = None
    numeric: bool = False

    @property
    def is_operator(self) -> bool:
        """True if the factor is the kind of operator of a stage."""
        return self.name.startswith("stages[") and self.name.endswith("].operator")

    @property
    def contrasts(self) -> tuple[Level, ...]:
        """The levels that are compared with the baseline."""
        return self.levels[-1:] if self.numeric else self.levels[1:]

    def columns(self, networks: Sequence[Values]) -> Matrix:
        """Return one column for each of `contrasts`, whose coefficient is the difference from the baseline.

        Columns of a factor within an operator are centred on the mean of its levels where the operator is, and zero
        elsewhere: the operator's own coefficient is then its effect averaged evenly over its levels.
        """
        matrix = np.zeros((len(networks), len(self.contrasts)))
        centre = self._codes(self.levels).mean(axis=0) if self.within else np.zeros(len(self.contrasts))
        rows = dict(zip(self.levels, self._codes(self.levels) - centre, strict=True))
        for i, network in enumerate(networks):
            if self.name in network:
                level = network[self.name]
                matrix[i] = rows[level] if level in rows else self._codes([level])[0] - centre
        return matrix

    def _codes(self, values: Sequence[Level]) -> Matrix:
        if self.numeric:
            low, high = float(self.levels[0]), float(self.levels[-1])
            return np.array([[(float(value) - low) / (high - low)] for value in values])
        return np.array([[float(value == level) for level in self.contrasts] for value in values])


def factors_of(networks: Sequence[Values]) -> list[Factor]:
    """Return the factors in which networks differ: operators, then those of all networks, then those of an option."""
    names = dict.fromkeys(name for network in networks for name in network)
    found = [_factor(name, networks) for name in names]
    varied = [factor for factor in found if len(factor.levels) > 1]
    return sorted(varied, key=lambda f: (not f.is_operator, f.within is not None))


def _factor(name: str, networks: Sequence[Values]) -> Factor:
    seen = [network[name] for network in networks if name in network]
    numbers = all(isinstance(level, int | float) and not isinstance(level, bool) for level in seen)
    levels = sorted(set(seen), key=lambda level: (level != BASELINE, level if numbers else str(level)))
    return Factor(name, tuple(levels), _within(name, networks), numbers and len(levels) > MOST_LEVELS)


def _within(name: str, networks: Sequence[Values]) -> tuple[str, Level] | None:
    """Return the factor and the level that a field belongs to, if any.

    `stages[0].operator.local_attention.kernel_size` belongs to `stages[0].operator` being `local_attention`.
    """
    parts = name.split(".")
    for i in range(len(parts) - 2, 0, -1):
        parent, level = ".".join(parts[:i]), parts[i]
        if any(network.get(parent) == level for network in networks):
            return parent, level
    return None
