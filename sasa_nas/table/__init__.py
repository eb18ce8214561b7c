"""Exhaustive tables of small spaces: the accuracy of every network after every epoch, with several seeds."""

from sasa_nas.table.records import Row, Table, TableInfo, load_table

__all__ = ["Row", "Table", "TableInfo", "load_table"]
