"""The effect of each operator in each stage over a whole table: raw, in cost, and at matched cost."""

from dataclasses import dataclass, replace

import numpy as np

from sasa_nas.analysis.where.linear import Estimate, coefficient_weights, holm
from sasa_nas.surrogate.factors import Matrix, Vector
from study.by_width import ByWidth, Exchanged
from study.tables import BASELINE, Studied, has

COLLINEAR = 1e-4
"""Share of the variance of a log cost that a stage must leave, for networks of equal cost to differ in it."""

DECIDED = 0.5
"""Share of the variance of a log cost, above which a stage decides it, and effects at equal cost are marked."""


@dataclass(frozen=True)
class AtCost:
    """Change of a cost by an operator, and its effect on accuracy where that cost is equal.

    Attributes:
        change: Against convolution, all else averaged: FLOPs or seconds.
        relative: `change` over the mean cost of the networks with convolution there.
        explained: Share, 0 to 1, of the variance of log cost that the stage's operator explains. Near 1, `matched`
            of a regression means little: networks of equal cost hardly differ in the stage.
        matched: Effect on accuracy: less what the same FLOPs buy as width, where that was trained; else regressed on
            the stage's operator and log cost, None where the stage explains all.
        clear: Whether `matched` is told from nothing: by width after Holm's correction, else by its own interval.
        misleading: Whether `matched` is of a regression and `explained` above a half.
    """

    change: float
    relative: float
    explained: float
    matched: Estimate | ByWidth | None
    clear: bool
    misleading: bool


@dataclass(frozen=True)
class MainEffect:
    """One operator in one stage against convolution there.

    Attributes:
        stage: From 0.
        operator: Its kind.
        raw: Difference of mean accuracy over the whole table.
        p_adjusted: Of `raw`, by Holm for all effects of the table.
        flops: At equal FLOPs.
        latency: At equal latency; None where the table has none.
    """

    stage: int
    operator: str
    raw: Estimate
    p_adjusted: float
    flops: AtCost
    latency: AtCost | None


def main_effects(studied: Studied, exchanged: Exchanged | None = None) -> list[MainEffect]:
    """Return the effects of all stages in which convolution and something else occur, stage by stage.

    Args:
        studied: The table.
        exchanged: Effects at equal FLOPs by what width is worth; default: they are regressed.
    """
    found = [
        _effect(studied, stage, kinds, kind, exchanged or {})
        for stage in range(len(studied.architectures[0].stages))
        if len(kinds := operators(studied, stage)) > 1
        for kind in kinds[1:]
    ]
    adjusted = holm([effect.raw.p for effect in found])
    return [replace(effect, p_adjusted=p) for effect, p in zip(found, adjusted, strict=True)]


def operators(studied: Studied, stage: int) -> list[str]:
    """Return the kinds of operators of a stage, convolution first, the others as the table brings them."""
    kinds = dict.fromkeys(one.stages[stage].operator.kind for one in studied.architectures)
    if BASELINE not in kinds:
        return []
    return [BASELINE, *(kind for kind in kinds if kind != BASELINE)]


def mean_weights(chosen: Vector) -> Vector:
    """Return weights that sum observations to the mean of those chosen by 1, not 0."""
    weights: Vector = chosen / chosen.sum()
    return weights


def _effect(studied: Studied, stage: int, kinds: list[str], kind: str, exchanged: Exchanged) -> MainEffect:
    columns = np.column_stack([has(studied.architectures, stage, one) for one in kinds])
    difference = mean_weights(columns[:, kinds.index(kind)]) - mean_weights(columns[:, 0])
    latency = studied.latency
    flops = _at_cost(studied, columns, kinds.index(kind), studied.flops)
    return MainEffect(
        stage=stage,
        operator=kind,
        raw=studied.estimate(difference),
        p_adjusted=1.0,
        flops=_by_width(flops, exchanged.get((stage, kind))),
        latency=None if latency is None else _at_cost(studied, columns, kinds.index(kind), latency),
    )


def _at_cost(studied: Studied, columns: Matrix, place: int, cost: Vector) -> AtCost:
    """Compare the operator of one indicator column with that of the first."""
    with_it, baseline = (float(mean_weights(columns[:, i]) @ cost) for i in (place, 0))
    logs = np.log10(cost)
    left = logs - columns @ (np.linalg.pinv(columns) @ logs)
    unexplained = float(left.var() / logs.var()) if logs.var() > 0 else 0.0
    matched = None
    if unexplained > COLLINEAR:
        weights = coefficient_weights(np.column_stack([columns, logs]))
        matched = studied.estimate(weights[place] - weights[0])
    return AtCost(
        change=with_it - baseline,
        relative=with_it / baseline - 1.0,
        explained=1.0 - unexplained,
        matched=matched,
        clear=matched is not None and not matched.low <= 0.0 <= matched.high,
        misleading=matched is not None and 1.0 - unexplained > DECIDED,
    )


def _by_width(cost: AtCost, found: ByWidth | None) -> AtCost:
    """Return the change of FLOPs with the effect at equal FLOPs by width, if that is known."""
    return cost if found is None else replace(cost, matched=found, clear=found.p_adjusted < 0.05, misleading=False)
