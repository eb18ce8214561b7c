"""Designs that go in line before the sampler's own: no training led to them.

Those of a search's start, those of the random sampler that a filter lets through, and a random one where the sampler
comes up with nothing new. Each is known by the choices that lead to it.
"""

import random
from collections.abc import Container, Iterable, Iterator, Mapping

from sasa_nas.models import list_models, model_architecture
from sasa_nas.searching.plan import SearchPlan, draw, find_new
from sasa_nas.searching.propose.baseline import baseline
from sasa_nas.searching.propose.score_filter import Candidate, ScoreFilter
from sasa_nas.space import Infeasible
from sasa_nas.space.choosers import (
    Chooser,
    Label,
    LatinHypercubeChooser,
    RandomChooser,
    RecallChooser,
    RecordingChooser,
)
from sasa_nas.space.matching import choices_of

Choices = Mapping[str, Label]

REFILL = 4
"""Designs that the random sampler with a filter has in line."""
DRAWS = 20
"""Draws for each new design that is wanted, at most."""


def startup(plan: SearchPlan, score_filter: ScoreFilter | None, seen: set[str], wanted: int) -> Iterator[Choices]:
    """Yield the space's all-convolution network, the named networks in it, then designs in balance over its options.

    In balance means that every option of every fork comes up equally often. A later session comes to the same designs.

    Args:
        plan: Plan of the search.
        score_filter: Filter that keeps the best of those in balance; None for no filter.
        seen: Ids of the designs that earlier sessions had; the new ones are added.
        wanted: Number of designs to reach, those in `seen` included.
    """
    if len(seen) >= wanted:
        return
    balanced = LatinHypercubeChooser(random.Random(plan.settings.seed))
    reference = baseline(plan)
    named = (choices_of(plan.space, model_architecture(name)) for name in list_models())
    for answers in (None if reference is None else reference.choices, *named):
        if answers is not None and len(seen) < wanted:
            candidate = _unseen(plan, RecallChooser(answers), seen)
            if candidate is not None:
                yield candidate.choices
    left = wanted - len(seen)
    if score_filter is None:
        drawn = _draw_new(plan, balanced, left, seen)
    else:
        drawn = score_filter.best(_draw_new(plan, balanced, score_filter.drawn(left), seen), left)
    for candidate in drawn:
        yield candidate.choices


def screened(plan: SearchPlan, score_filter: ScoreFilter, seen: Iterable[str], trials: int) -> Iterator[Choices]:
    """Yield the best of many random new designs.

    Args:
        plan: Plan of the search.
        score_filter: Filter that keeps the best designs.
        seen: Ids of the designs that are not new.
        trials: Number of trials in the study; another number gives other designs.
    """
    chance = RandomChooser(random.Random(f"{plan.settings.seed}/screen/{trials}"))
    drawn = _draw_new(plan, chance, score_filter.drawn(REFILL), set(seen))
    for candidate in score_filter.best(drawn, REFILL):
        yield candidate.choices


def random_new(plan: SearchPlan, seen: Container[str], trials: int) -> Choices | None:
    """Return a random design whose id is not in `seen`; None if there seems to be none.

    Args:
        plan: Plan of the search.
        seen: Ids of the designs that are not new.
        trials: Number of trials in the study; another number gives another design.
    """
    return find_new(plan, seen, random.Random(f"{plan.settings.seed}/{trials}"))


def _draw_new(plan: SearchPlan, chooser: Chooser, count: int, seen: set[str]) -> list[Candidate]:
    """Up to so many feasible designs whose ids are not in `seen`, to which they are added."""
    found: list[Candidate] = []
    for _ in range(DRAWS * count):
        if len(found) == count:
            break
        candidate = _unseen(plan, chooser, seen)
        if candidate is not None:
            found.append(candidate)
    return found


def _unseen(plan: SearchPlan, chooser: Chooser, seen: set[str]) -> Candidate | None:
    """Return the design that `chooser` draws; None if it cannot be or its id is in `seen`, to which it is added."""
    recording = RecordingChooser(chooser)
    try:
        design = draw(plan, recording)
    except Infeasible:
        return None
    if design.architecture.id in seen:
        return None
    seen.add(design.architecture.id)
    return Candidate(design, recording.answers)
