"""Sums over windows of maps that are reflected at their edges: what SAN's relation and aggregation are made of."""
