"""Runs a search: Optuna proposes designs, Ray Tune trains them, the run's folder keeps all there is to know.

The only room that imports Ray, or Optuna's samplers; what draws designs alone, for a dry run, imports neither.
"""

from typing import TYPE_CHECKING

from sasa_nas._lazy import lazy_names

if TYPE_CHECKING:
    from sasa_nas.searching.observer import SearchObserver, SearchSummary
    from sasa_nas.searching.plan import SearchPlan, plan_search
    from sasa_nas.searching.propose.swaps import Swaps
    from sasa_nas.searching.session import resume, search, train_more

__all__ = ["SearchObserver", "SearchPlan", "SearchSummary", "Swaps", "plan_search", "resume", "search", "train_more"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "observer": ("SearchObserver", "SearchSummary"),
        "plan": ("SearchPlan", "plan_search"),
        "propose.swaps": ("Swaps",),
        "session": ("resume", "search", "train_more"),
    },
)
