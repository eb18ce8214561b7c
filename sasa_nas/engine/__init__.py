"""Runs a search: Optuna proposes designs, Ray Tune trains them, the run's folder keeps all there is to know.

The only room that imports Ray, or Optuna's samplers; what draws designs alone, for a dry run, imports neither.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sasa_nas.engine.observer import SearchObserver, SearchSummary
    from sasa_nas.engine.plan import SearchPlan, plan_search
    from sasa_nas.engine.session import resume, search, train_more
    from sasa_nas.engine.swaps import Swaps

__all__ = ["SearchObserver", "SearchPlan", "SearchSummary", "Swaps", "plan_search", "resume", "search", "train_more"]

_FILES = {
    "SearchObserver": "observer",
    "SearchPlan": "plan",
    "SearchSummary": "observer",
    "Swaps": "swaps",
    "plan_search": "plan",
    "resume": "session",
    "search": "session",
    "train_more": "session",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is first used: Ray takes seconds."""
    if name not in _FILES:
        raise AttributeError(f"module 'sasa_nas.engine' has no attribute '{name}'")
    return getattr(import_module(f"sasa_nas.engine.{_FILES[name]}"), name)
