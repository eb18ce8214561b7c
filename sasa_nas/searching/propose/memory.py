"""The trials that a sampler learns from, where it would take longer with every one more.

Optuna's tree-structured Parzen estimator and its Gaussian process build their models anew for each proposal, from all
trials: after a thousand, a proposal of the former takes a fifth of a second, of the latter minutes.
"""

from collections.abc import Sequence

import numpy as np

from sasa_nas.run.records import Sampler
from sasa_nas.run.stored_trial import StoredTrial
from sasa_nas.searching.propose.halving import ranks
from sasa_nas.searching.propose.objective_values import losses

MODELLING: frozenset[Sampler] = frozenset({"tpe", "gp"})
"""Samplers that model all trials that they know."""
MOST = 300
"""Finished trials that such a sampler may know."""
KEPT = 150
"""Finished trials that it still knows after the others are forgotten."""
BEST = 50
"""Trials among these with the best objectives; the others are the newest."""


def remembered(finished: Sequence[StoredTrial], objectives: Sequence[str]) -> list[StoredTrial]:
    """Return the trials to learn from: the best and the newest, in their order.

    Args:
        finished: Trials that have ended.
        objectives: Names of the search's objectives.
    """
    trained = [place for place, stored in enumerate(finished) if stored.record.accuracy is not None]
    values = [losses(finished[place].record, finished[place].record.accuracy or 0.0, objectives) for place in trained]
    known = [(place, row) for place, row in zip(trained, values, strict=True) if np.isfinite(row).all()]
    best: set[int] = set()
    if known:
        order = np.argsort(ranks(np.array([row for _, row in known])))
        best = {known[i][0] for i in order[:BEST]}
    newest = [place for place in range(len(finished) - 1, -1, -1) if place not in best]
    return [finished[place] for place in sorted(best | set(newest[: KEPT - len(best)]))]
