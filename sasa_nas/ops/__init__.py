"""Tensor functions of the attention operators, one folder an operator.

Each folder holds `naive.py`, the slow and obviously right form in plain PyTorch; where there are faster forms,
`dispatch.py` chooses among them. All of them are differentiable, take any floating type and run on the meta device.
"""

from sasa_nas.ops.aggregation import aggregate
from sasa_nas.ops.global_attention import global_attention
from sasa_nas.ops.local_attention import WindowPadding, local_attention
from sasa_nas.ops.relation import PairwiseKind, PatchwiseKind, pairwise_relation, patchwise_relation

__all__ = [
    "PairwiseKind",
    "PatchwiseKind",
    "WindowPadding",
    "aggregate",
    "global_attention",
    "local_attention",
    "pairwise_relation",
    "patchwise_relation",
]
