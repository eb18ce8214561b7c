"""Trained networks as files that work without this package."""

from sasa_nas.export.card import ModelCard
from sasa_nas.export.module_folder import export_module
from sasa_nas.export.weights import load_weights

__all__ = ["ModelCard", "export_module", "load_weights"]
