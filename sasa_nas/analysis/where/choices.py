"""Kinds of operators and stems that a space offers."""

import random
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from sasa_nas.space import SearchSpace
from sasa_nas.space.choosers import RandomChooser
from sasa_nas.space.sampling import Walker

STEM = "stem"
"""Path of the stem's kind, as `stages[0].operator` is that of the first stage's operator."""
_WALKS = 200


@lru_cache(maxsize=4)
def kind_shares(space: SearchSpace) -> Mapping[str, Mapping[str, float]]:
    """Return the share of random designs that have each kind of stem, and of operator in each stage, by path.

    Found by random walks through the space, without regard to its limits.

    Args:
        space: The search space.
    """
    chooser, walker = RandomChooser(random.Random(0)), Walker(space)
    counts: dict[str, Counter[str]] = {}
    for _ in range(_WALKS):
        drawn = walker.walk(chooser)
        counts.setdefault(STEM, Counter())[str(drawn["stem"]["kind"])] += 1
        for i, stage in enumerate(drawn["stages"]):
            counts.setdefault(f"stages[{i}].operator", Counter())[str(stage["operator"]["kind"])] += 1
    return {
        path: {kind: count / kinds.total() for kind, count in sorted(kinds.items())} for path, kinds in counts.items()
    }
