"""The score_filter keeps the best share, whatever the score, and scores as the worker does."""

import random
from collections.abc import Callable

import torch

from sasa_nas.data.registry import load
from sasa_nas.scoring.compute import compute_scores
from sasa_nas.searching.plan import SearchPlan, draw
from sasa_nas.searching.propose.score_filter import Candidate, ScoreFilter
from sasa_nas.space.choosers import RandomChooser, RecordingChooser

MakePlan = Callable[..., SearchPlan]


def candidates(plan: SearchPlan, count: int) -> list[Candidate]:
    found: dict[str, Candidate] = {}
    generator = random.Random(0)
    while len(found) < count:
        chooser = RecordingChooser(RandomChooser(generator))
        design = draw(plan, chooser)
        found[design.architecture.id] = Candidate(design, chooser.answers)
    return list(found.values())


def test_the_best_share_is_kept_in_order(make_plan: MakePlan) -> None:
    plan = make_plan(score_filter="naswot", score_keep=0.25)
    drawn = candidates(plan, 8)
    score_filter = ScoreFilter(plan, lambda design: float(design.counts.params))
    assert score_filter.drawn(2) == 8
    assert score_filter.drawn(10) == 40
    kept = score_filter.best(drawn, 2)
    params = sorted((candidate.design.counts.params for candidate in drawn), reverse=True)
    assert [candidate.design.counts.params for candidate in kept] == params[:2]
    # of a space that held no more, still the share
    assert len(score_filter.best(drawn[:5], 10)) == 2
    assert score_filter.best([], 3) == []


def test_scores_are_those_of_the_train_part(make_plan: MakePlan) -> None:
    plan = make_plan(score_filter="naswot", score_keep=0.5, seed=3)
    drawn = candidates(plan, 4)
    train = load("digits", image_size=6).train
    cpu = torch.device("cpu")
    scores = {
        candidate.design.architecture.id: compute_scores(
            candidate.design.architecture, ["naswot"], train, seed=3, device=cpu
        )["naswot"]
        for candidate in drawn
    }
    kept = [candidate.design.architecture.id for candidate in ScoreFilter(plan).best(drawn, 2)]
    assert kept == sorted(scores, key=lambda name: -scores[name])[:2]
