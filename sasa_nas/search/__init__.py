"""Runs a search: Optuna proposes designs, Ray Tune trains them, the run's folder keeps all there is to know.

The only room that imports Ray, or Optuna's samplers.
"""

from sasa_nas.search.engine import resume, search
from sasa_nas.search.observer import SearchObserver, SearchSummary
from sasa_nas.search.plan import SearchPlan, plan_search

__all__ = ["SearchObserver", "SearchPlan", "SearchSummary", "plan_search", "resume", "search"]
