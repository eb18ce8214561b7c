"""Spatial operators, one folder each: the description, the layer, and facts about it.

A kind is added by `register_operator`: by a folder here, or by code outside of the package. Descriptions import no
torch; layers and facts do.
"""

from sasa_nas.nodes import Misfit, import_folders, require_divisor
from sasa_nas.operators.base import Operator
from sasa_nas.operators.counts import Counts, Elementwise, Macs
from sasa_nas.operators.registry import BASELINE, OPERATORS, AnyOperator, OperatorEntry, register_operator

__all__ = [
    "BASELINE",
    "OPERATORS",
    "AnyOperator",
    "Counts",
    "Elementwise",
    "Macs",
    "Misfit",
    "Operator",
    "OperatorEntry",
    "register_operator",
    "require_divisor",
]

import_folders(__name__, __path__, first=BASELINE)
