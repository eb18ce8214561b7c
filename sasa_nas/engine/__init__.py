"""Runs a search: Optuna proposes designs, Ray Tune trains them, the run's folder keeps all there is to know.

The only room that imports Ray, or Optuna's samplers.
"""

from sasa_nas.engine.observer import SearchObserver, SearchSummary
from sasa_nas.engine.plan import SearchPlan, plan_search
from sasa_nas.engine.session import resume, search, train_more
from sasa_nas.engine.swaps import Swaps

__all__ = ["SearchObserver", "SearchPlan", "SearchSummary", "Swaps", "plan_search", "resume", "search", "train_more"]
