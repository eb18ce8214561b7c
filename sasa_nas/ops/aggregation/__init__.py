"""Weighted sums over windows."""

from sasa_nas.ops.aggregation.dispatch import aggregate

__all__ = ["aggregate"]
