"""Sorts out designs before any is trained: of many that chance proposes, those with the best training-free score stay.

Only designs that no result led to are screened: those of the start, and every one of the random sampler. What a sampler
learned from trainings it may propose unhindered, and the balanced share must depend on nothing.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from sasa_nas.data.registry import load_for_search
from sasa_nas.data.splits import ImageSet
from sasa_nas.scoring.compute import compute_scores
from sasa_nas.searching.plan import Design, SearchPlan
from sasa_nas.space.choosers import Label


@dataclass(frozen=True)
class Candidate:
    """A design that could be trained, and the choices that lead to it."""

    design: Design
    choices: Mapping[str, Label]


class ScoreFilter:
    """Keeps the best share of designs by a score.

    Args:
        plan: Plan of a search whose settings name a score to filter by.
        score_of: Function that scores a design; by default the plan's score, on the CPU and the train part.
    """

    def __init__(self, plan: SearchPlan, score_of: Callable[[Design], float] | None = None) -> None:
        self._share = plan.settings.score_keep
        self._score_of = score_of or _Scorer(plan)

    def drawn(self, wanted: int) -> int:
        """Return the number of designs that must be drawn so that so many are kept."""
        return math.ceil(wanted / self._share)

    def best(self, candidates: list[Candidate], wanted: int) -> list[Candidate]:
        """Return the candidates to train, in the order of their scores.

        Args:
            candidates: Candidates, of the number that `drawn` returns or fewer if the space holds no more.
            wanted: Most candidates to keep.
        """
        ordered = sorted(candidates, key=lambda candidate: self._score_of(candidate.design), reverse=True)
        return ordered[: min(wanted, math.ceil(len(candidates) * self._share))]


class _Scorer:
    """Reads the train part when the first design is scored.

    Args:
        plan: Plan of the search, which names the score and the data set.
    """

    def __init__(self, plan: SearchPlan) -> None:
        assert plan.settings.score_filter is not None
        self._score = plan.settings.score_filter
        self._plan = plan
        self._train: ImageSet | None = None

    def __call__(self, design: Design) -> float:
        settings, proxy = self._plan.settings, self._plan.space.proxy
        if self._train is None:
            self._train = load_for_search(
                proxy.dataset,
                data_dir=settings.data_dir,
                image_size=proxy.image_size,
                train_images=proxy.train_images,
            ).train
        found = compute_scores(
            design.architecture, [self._score], self._train, seed=settings.seed, device=torch.device("cpu")
        )
        return found.get(self._score, -math.inf)
