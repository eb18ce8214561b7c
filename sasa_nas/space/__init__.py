"""Descriptions as plain data: an `Architecture`, a `SearchSpace` of many, a `NetworkDescription` of any task.

Pure data: nothing here imports torch, Ray or Optuna.
"""

from sasa_nas.blocks import Stage
from sasa_nas.space.architecture import Architecture, Image
from sasa_nas.space.files import load_architecture, load_network, load_space, shipped_spaces
from sasa_nas.space.network import NetworkDescription
from sasa_nas.space.overrides import overridden
from sasa_nas.space.proxy import Limits, Proxy, Recipe, Target
from sasa_nas.space.sampling import Infeasible, sample, size
from sasa_nas.space.scaling import proxy_of
from sasa_nas.space.search_space import SearchSpace

__all__ = [
    "Architecture",
    "Image",
    "Infeasible",
    "Limits",
    "NetworkDescription",
    "Proxy",
    "Recipe",
    "SearchSpace",
    "Stage",
    "Target",
    "load_architecture",
    "load_network",
    "load_space",
    "overridden",
    "proxy_of",
    "sample",
    "shipped_spaces",
    "size",
]
