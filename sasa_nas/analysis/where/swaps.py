"""Attention in place: networks of the front against their twins with convolution in one stage, at equal seeds."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from sasa_nas.analysis.pareto import trained
from sasa_nas.analysis.where.linear import CONFIDENCE
from sasa_nas.analysis.where.records import SwapEffect
from sasa_nas.run import Arm, TrialRecord


def swap_effects(records: Sequence[TrialRecord]) -> list[SwapEffect]:
    """By stage, the mean difference between whole networks and their twins.

    Whole networks are trained anew for the comparison: their trials on the front were picked for being lucky.
    """
    runs = [r for r in trained(records) if r.arm is Arm.SWAP]
    whole = {(r.swap_of, r.seed): r.accuracy or 0.0 for r in runs if r.swapped_stage is None}
    by_stage: dict[int, list[tuple[int, float]]] = {}
    for r in runs:
        if r.swapped_stage is not None and r.swap_of is not None and (r.swap_of, r.seed) in whole:
            difference = whole[r.swap_of, r.seed] - (r.accuracy or 0.0)
            by_stage.setdefault(r.swapped_stage, []).append((r.swap_of, difference))
    return [_effect(stage, pairs) for stage, pairs in sorted(by_stage.items())]


def _effect(stage: int, pairs: Sequence[tuple[int, float]]) -> SwapEffect:
    differences = np.array([difference for _, difference in pairs])
    effect = float(differences.mean())
    half = None
    if len(pairs) > 1:
        error = float(differences.std(ddof=1)) / len(pairs) ** 0.5
        half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(pairs) - 1)) * error
    return SwapEffect(
        stage=stage,
        effect=effect,
        low=None if half is None else effect - half,
        high=None if half is None else effect + half,
        pairs=len(pairs),
        networks=sorted({number for number, _ in pairs}),
    )
