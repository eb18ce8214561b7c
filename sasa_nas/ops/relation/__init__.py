"""The relation functions delta of SAN."""

from sasa_nas.ops.relation.dispatch import pairwise_relation, patchwise_relation
from sasa_nas.ops.relation.naive import PairwiseKind, PatchwiseKind

__all__ = ["PairwiseKind", "PatchwiseKind", "pairwise_relation", "patchwise_relation"]
