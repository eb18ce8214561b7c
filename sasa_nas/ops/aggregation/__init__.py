"""Weighted sums over windows."""

from sasa_nas.ops.aggregation.naive import aggregate

__all__ = ["aggregate"]
