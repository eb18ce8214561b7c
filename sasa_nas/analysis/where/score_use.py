"""The rule by which effects are taken with scores of all designs, or without."""

import numpy as np

from sasa_nas.analysis.where.effects import ALPHA, operators_first
from sasa_nas.analysis.where.model import Model
from sasa_nas.analysis.where.records import ScoreUse
from sasa_nas.analysis.where.scores import COSTS, Score


def judged(score: Score, plain: Model, scored: Model) -> ScoreUse:
    """Return what a score does for the effects, and whether they are taken with it.

    They are if accuracy follows what the score says beyond the sum of effects, by a test at 5 % (Bonferroni, if the
    score has several parts), and the intervals of operators' effects are narrower on average. The rule is one for all
    effects: a choice effect by effect would pick intervals that are narrow by chance.

    Args:
        score: The score.
        plain: The model without it.
        scored: The model with it.
    """
    slopes = scored.score_slopes
    p = min((min(1.0, len(slopes) * slope.p) for slope in slopes), default=None)
    width = _width(scored) / _width(plain) if _width(plain) > 0 else 1.0
    return ScoreUse(
        name=score.name,
        designs=len(score.networks),
        complete=score.complete,
        asked=score.name != COSTS,
        p=p,
        width=width,
        taken=p is not None and p < ALPHA and width < 1.0,
    )


def _width(model: Model) -> float:
    """Return the mean width of the intervals of operators' effects; 0 without any."""
    operators, _ = operators_first(model)
    return float(np.mean([c.effect.high - c.effect.low for c in operators])) if operators else 0.0
