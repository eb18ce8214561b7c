"""Swaps: networks of the front compared with their twins with convolution in one stage, at equal seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sasa_nas.analysis import student
from sasa_nas.analysis.where.linear import CONFIDENCE
from sasa_nas.analysis.where.records import SwapEffect
from sasa_nas.run import Arm, TrialRecord
from sasa_nas.run.designs import trained


@dataclass(frozen=True)
class _Pair:
    """A network and its twin with convolution in one stage, trained with equal seeds."""

    network: int
    operator: str
    twin: str
    """The twin's `Architecture.id`."""
    seed: int
    difference: float


def swap_effects(records: Sequence[TrialRecord]) -> list[SwapEffect]:
    """Estimate, for each stage, the mean difference between whole networks and their twins.

    Whole networks are trained anew for the comparison, as those on the front were selected for high accuracy.
    """
    accuracies = {r.number: r.accuracy for r in trained(records)}
    swaps = [r for r in records if r.arm is Arm.SWAP]
    whole = {(r.swap_of, r.seed): r for r in swaps if r.swapped_stage is None}
    by_stage: dict[int, dict[tuple[str, str, int], _Pair]] = {}
    for twin in swaps:
        network = whole.get((twin.swap_of, twin.seed))
        if network is None or network.architecture is None or twin.architecture is None:
            continue
        better, worse = _accuracy(network, accuracies), _accuracy(twin, accuracies)
        if twin.swapped_stage is None or twin.swap_of is None or twin.seed is None or better is None or worse is None:
            continue
        operator = network.architecture.stages[twin.swapped_stage].operator.kind
        pair = _Pair(twin.swap_of, operator, twin.architecture.id, twin.seed, better - worse)
        # equal designs may be asked for twice, once two trials of one design have each been on the front
        by_stage.setdefault(twin.swapped_stage, {})[network.architecture.id, pair.twin, pair.seed] = pair
    return [_effect(stage, list(pairs.values())) for stage, pairs in sorted(by_stage.items())]


def _accuracy(record: TrialRecord, accuracies: dict[int, float | None]) -> float | None:
    """Return the accuracy of the record's training, or of an equal one that replaces it."""
    return accuracies.get(record.number if record.duplicate_of is None else record.duplicate_of)


def _effect(stage: int, pairs: Sequence[_Pair]) -> SwapEffect:
    """Return a stage's effect; networks with the same twin share its noise, and together are one observation."""
    means = _means(pairs, lambda pair: pair.twin)
    effect = float(np.mean(means))
    if len(means) == 1:
        means = _means(pairs, lambda pair: pair.seed)
    half = None
    if len(means) > 1:
        error = float(np.std(means, ddof=1)) / len(means) ** 0.5
        half = student.quantile(0.5 + CONFIDENCE / 2, len(means) - 1) * error
    return SwapEffect(
        stage=stage,
        operators=sorted({pair.operator for pair in pairs}),
        effect=effect,
        low=None if half is None else effect - half,
        high=None if half is None else effect + half,
        pairs=len(pairs),
        networks=sorted({pair.network for pair in pairs}),
    )


def _means(pairs: Sequence[_Pair], group: Callable[[_Pair], Any]) -> list[float]:
    """Return the mean difference of each group."""
    groups: dict[Any, list[float]] = {}
    for pair in pairs:
        groups.setdefault(group(pair), []).append(pair.difference)
    return [float(np.mean(differences)) for differences in groups.values()]
