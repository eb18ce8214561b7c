"""The relation functions delta of SAN."""

from sasa_nas.ops.relation.naive import PairwiseKind, PatchwiseKind, pairwise_relation, patchwise_relation

__all__ = ["PairwiseKind", "PatchwiseKind", "pairwise_relation", "patchwise_relation"]
