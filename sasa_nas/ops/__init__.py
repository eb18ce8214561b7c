"""Tensor functions of the attention operators, one folder an operator.

Each folder holds `naive.py`, the slow and obviously right form in plain PyTorch; faster forms beside it, with a
backward pass of their own; and `dispatch.py`, which chooses: Triton's kernels on a CUDA GPU (compute capability 8.0 or
later; float32, float16, bfloat16), loops in C on a CPU (float32, compiled when first called and kept), and otherwise
the fastest of the forms in plain PyTorch, which take any floating type, device and stride. `window_sums` has the forms
of SAN's `aggregation` and `relation`, which are the same few sums; `pairwise_attention` joins these two and what is
between them, whose parameters `mapping` describes; `compiled` compiles the loops.

A call's `backend` names a form. Where it is `auto`, the variable SASA_NAS_BACKEND of the environment may name one for
the operators that have it. `sasa-nas doctor` says which forms run and why others do not. The fast forms are operators
of torch's library: they compile, export, count FLOPs and run under autocast, but have no second derivatives and no
forward-mode ones, which `naive` has. All run on the meta device.
"""

from sasa_nas.ops.aggregation import aggregate
from sasa_nas.ops.global_attention import global_attention
from sasa_nas.ops.local_attention import WindowPadding, local_attention
from sasa_nas.ops.mapping import BatchStatistics, MappingLayer
from sasa_nas.ops.pairwise_attention import pairwise_attention
from sasa_nas.ops.patchwise_attention import patchwise_attention
from sasa_nas.ops.relation import PairwiseKind, PatchwiseKind, pairwise_relation, patchwise_relation

__all__ = [
    "BatchStatistics",
    "MappingLayer",
    "PairwiseKind",
    "PatchwiseKind",
    "WindowPadding",
    "aggregate",
    "global_attention",
    "local_attention",
    "pairwise_attention",
    "pairwise_relation",
    "patchwise_attention",
    "patchwise_relation",
]
