"""The package's operators in terms of torch's own: for files that have to work where the package is not installed."""

from collections.abc import Callable

import torch
from torch import Tensor

from sasa_nas.ops.aggregation.library import aggregate_decompositions
from sasa_nas.ops.global_attention.library import global_attention_decompositions
from sasa_nas.ops.local_attention.library import local_attention_decompositions
from sasa_nas.ops.pairwise_attention.library import pairwise_attention_decompositions
from sasa_nas.ops.patchwise_attention.library import patchwise_attention_decompositions
from sasa_nas.ops.relation.library import relation_decompositions

Decompositions = dict[torch._ops.OpOverload, Callable[..., Tensor | tuple[Tensor, ...]]]
"""Operator to a function of the same arguments that calls torch's operators alone."""


def decompositions() -> Decompositions:
    """Every forward operator of the namespace `sasa_nas`, for `torch.export.ExportedProgram.run_decompositions`."""
    return {
        **local_attention_decompositions(),
        **global_attention_decompositions(),
        **relation_decompositions(),
        **aggregate_decompositions(),
        **pairwise_attention_decompositions(),
        **patchwise_attention_decompositions(),
    }
