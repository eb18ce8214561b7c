"""Runs a search: Optuna proposes designs, Ray Tune trains them, the run's folder keeps all there is to know.

The only room that imports Ray, or Optuna's samplers; what draws designs alone, for a dry run, imports neither.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sasa_nas.searching.observer import SearchObserver, SearchSummary
    from sasa_nas.searching.plan import SearchPlan, plan_search
    from sasa_nas.searching.propose.swaps import Swaps
    from sasa_nas.searching.session import resume, search, train_more

__all__ = ["SearchObserver", "SearchPlan", "SearchSummary", "Swaps", "plan_search", "resume", "search", "train_more"]

_FILES = {
    "SearchObserver": "observer",
    "SearchPlan": "plan",
    "SearchSummary": "observer",
    "Swaps": "propose.swaps",
    "plan_search": "plan",
    "resume": "session",
    "search": "session",
    "train_more": "session",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is first used: Ray takes seconds."""
    if name not in _FILES:
        raise AttributeError(f"module 'sasa_nas.searching' has no attribute '{name}'")
    return getattr(import_module(f"sasa_nas.searching.{_FILES[name]}"), name)
