"""Designs put in a study's line where its own sampler has no say: the model's, and those that a filter lets through."""

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

from sasa_nas.run import TrialRecord
from sasa_nas.searching.plan import SearchPlan
from sasa_nas.searching.propose.initial_designs import Choices, screened
from sasa_nas.searching.propose.model_sampler import ModelSampler
from sasa_nas.searching.propose.score_filter import ScoreFilter


class Refill:
    """Fills an empty line.

    Args:
        plan: Plan of the search.
        score_filter: Filter of designs that chance proposes; None for none.
        searching: Whether the search itself goes on; if not, nothing is ever asked for.
    """

    def __init__(self, plan: SearchPlan, score_filter: ScoreFilter | None, *, searching: bool) -> None:
        self._plan = plan
        self._filter = score_filter if plan.sampler.name == "random" else None
        self._modelling = searching and plan.sampler.name == "model"

    def choices(self, records: Sequence[TrialRecord], known: Collection[str]) -> Iterable[Choices]:
        """Return the choices that lead to the next designs; none where the study's sampler is to be asked.

        Args:
            records: All trials so far.
            known: Ids of the designs that are not new.
        """
        if self._modelling:
            wanted = self._model.propose(records, known)
            return () if wanted is None else (wanted,)
        return () if self._filter is None else screened(self._plan, self._filter, known, len(records))

    @cached_property
    def _model(self) -> ModelSampler:
        """The model's sampler, whose candidates take seconds to count: while the start's designs are trained."""
        return ModelSampler(self._plan)
