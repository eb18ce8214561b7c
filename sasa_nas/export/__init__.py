"""Networks as files that work without this package, and whether such files are right."""

from sasa_nas.export.card import ModelCard
from sasa_nas.export.folder import export_network
from sasa_nas.export.formats import FORMATS, Format, parse_formats
from sasa_nas.export.weights import load_weights

__all__ = ["FORMATS", "Format", "ModelCard", "export_network", "load_weights", "parse_formats"]
