"""Base parts of descriptions: frozen types, registries of their kinds, references to code by name.

Nothing here imports torch.
"""

from sasa_nas.nodes.kinds import OneOf, Registry, import_folders, kind_of
from sasa_nas.nodes.names import NameIn
from sasa_nas.nodes.node import Bool, Float, Int, Misfit, Node, OddInt, Positive, Ratio, require_divisor
from sasa_nas.nodes.quantity import Count, Quantity, parse_quantity
from sasa_nas.nodes.reference import Reference, accepts, resolve

__all__ = [
    "Bool",
    "Count",
    "Float",
    "Int",
    "Misfit",
    "NameIn",
    "Node",
    "OddInt",
    "OneOf",
    "Positive",
    "Quantity",
    "Ratio",
    "Reference",
    "Registry",
    "accepts",
    "import_folders",
    "kind_of",
    "parse_quantity",
    "require_divisor",
    "resolve",
]
