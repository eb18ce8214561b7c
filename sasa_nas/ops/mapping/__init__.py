"""The mapping gamma of SAN: its parameters as data, and its plain form."""

from sasa_nas.ops.mapping.layer import BatchStatistics, MappingLayer

__all__ = ["BatchStatistics", "MappingLayer"]
