"""Search for the places in an image network where self-attention helps most, per FLOP.

The verbs of the command line, for Python:

    import sasa_nas

    run = sasa_nas.search("tiny", sasa_nas.SearchSettings(trials=8))
    print(run.pareto().front, run.where().stages)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sasa_nas._version import __version__

if TYPE_CHECKING:
    from sasa_nas.analysis.attention_maps import Selection
    from sasa_nas.api.catalogue import list_datasets, list_models, list_operators, list_spaces
    from sasa_nas.api.detectors import detect, resume_detector, train_detector
    from sasa_nas.api.networks import (
        attention_maps,
        describe,
        evaluate,
        export,
        resume_training,
        scores,
        train,
        verify_export,
    )
    from sasa_nas.api.run import Run
    from sasa_nas.api.searches import draw_designs, replay, resume, search
    from sasa_nas.api.supernets import supernet_agreement, supernet_scores, train_supernet
    from sasa_nas.api.tables import make_table, table_reliability
    from sasa_nas.data.known import register_dataset
    from sasa_nas.detection.records import DetectionSettings, DetectorResources
    from sasa_nas.errors import UserError
    from sasa_nas.models import build
    from sasa_nas.operators import register_operator
    from sasa_nas.run import ExternalResources, SearchSettings, TrainingSettings
    from sasa_nas.searching.observer import SearchObserver
    from sasa_nas.space import Architecture, Recipe, SearchSpace, load_architecture, load_space
    from sasa_nas.table import Table, load_table
    from sasa_nas.workflows.attention import ImageSource
    from sasa_nas.workflows.evaluate import EvaluationSettings, make_attacks
    from sasa_nas.workflows.export import ExportRequest, WeightsChoice
    from sasa_nas.workflows.latency import LatencyRequest
    from sasa_nas.workflows.observer import RetrainingObserver, SupernetObserver, TableObserver, TrainingObserver
    from sasa_nas.workflows.retrain import RetrainingRequest

__all__ = [
    "Architecture",
    "DetectionSettings",
    "DetectorResources",
    "EvaluationSettings",
    "ExportRequest",
    "ExternalResources",
    "ImageSource",
    "LatencyRequest",
    "Recipe",
    "RetrainingObserver",
    "RetrainingRequest",
    "Run",
    "SearchObserver",
    "SearchSettings",
    "SearchSpace",
    "Selection",
    "SupernetObserver",
    "Table",
    "TableObserver",
    "TrainingObserver",
    "TrainingSettings",
    "UserError",
    "WeightsChoice",
    "__version__",
    "attention_maps",
    "build",
    "describe",
    "detect",
    "draw_designs",
    "evaluate",
    "export",
    "list_datasets",
    "list_models",
    "list_operators",
    "list_spaces",
    "load_architecture",
    "load_space",
    "load_table",
    "make_attacks",
    "make_table",
    "register_dataset",
    "register_operator",
    "replay",
    "resume",
    "resume_detector",
    "resume_training",
    "scores",
    "search",
    "supernet_agreement",
    "supernet_scores",
    "table_reliability",
    "train",
    "train_detector",
    "train_supernet",
    "verify_export",
]

_MODULES = {
    "Architecture": "space",
    "DetectionSettings": "detection.records",
    "DetectorResources": "detection.records",
    "EvaluationSettings": "workflows.evaluate",
    "ExportRequest": "workflows.export",
    "ExternalResources": "run",
    "ImageSource": "workflows.attention",
    "LatencyRequest": "workflows.latency",
    "Recipe": "space",
    "RetrainingObserver": "workflows.observer",
    "RetrainingRequest": "workflows.retrain",
    "Run": "api.run",
    "SearchObserver": "searching.observer",
    "SearchSettings": "run",
    "SearchSpace": "space",
    "Selection": "analysis.attention_maps",
    "SupernetObserver": "workflows.observer",
    "Table": "table",
    "TableObserver": "workflows.observer",
    "TrainingObserver": "workflows.observer",
    "TrainingSettings": "run",
    "UserError": "errors",
    "WeightsChoice": "workflows.export",
    "attention_maps": "api.networks",
    "build": "models",
    "describe": "api.networks",
    "detect": "api.detectors",
    "draw_designs": "api.searches",
    "evaluate": "api.networks",
    "export": "api.networks",
    "list_datasets": "api.catalogue",
    "list_models": "api.catalogue",
    "list_operators": "api.catalogue",
    "list_spaces": "api.catalogue",
    "load_architecture": "space",
    "load_space": "space",
    "load_table": "table",
    "make_attacks": "workflows.evaluate",
    "make_table": "api.tables",
    "register_dataset": "data.known",
    "register_operator": "operators",
    "replay": "api.searches",
    "resume": "api.searches",
    "resume_detector": "api.detectors",
    "resume_training": "api.networks",
    "scores": "api.networks",
    "search": "api.searches",
    "supernet_agreement": "api.supernets",
    "supernet_scores": "api.supernets",
    "table_reliability": "api.tables",
    "train": "api.networks",
    "train_detector": "api.detectors",
    "train_supernet": "api.supernets",
    "verify_export": "api.networks",
}
"""Module of each name."""


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that `import sasa_nas` takes no time."""
    if name not in _MODULES:
        raise AttributeError(f"module 'sasa_nas' has no attribute '{name}'")
    return getattr(import_module(f"sasa_nas.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names, for completion in shells and notebooks."""
    return list(__all__)
