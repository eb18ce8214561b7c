"""Exhaustive tables: every network of a small space, trained with several seeds, its accuracy after every epoch."""

from sasa_nas.table.maker import TableProgress, make_table
from sasa_nas.table.records import Row, Table, TableInfo, load_table

__all__ = ["Row", "Table", "TableInfo", "TableProgress", "load_table", "make_table"]
