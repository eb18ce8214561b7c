"""Exhaustive tables: every network of a small space, trained with several seeds, its accuracy after every epoch."""

from sasa_nas.table.records import Row, Table, TableInfo, load_table

__all__ = ["Row", "Table", "TableInfo", "load_table"]
