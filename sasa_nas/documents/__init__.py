"""Descriptions in files: strict YAML and JSON, changes to single fields, and errors of one line.

Nothing here imports torch.
"""

from sasa_nas.documents.assignments import assign
from sasa_nas.documents.reading import find_document, parse_value, read_document
from sasa_nas.documents.validation import DescriptionError

__all__ = ["DescriptionError", "assign", "find_document", "parse_value", "read_document"]
