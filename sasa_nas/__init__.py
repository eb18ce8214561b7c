"""Search for the places in an image network where self-attention helps most, per FLOP.

The verbs of the command line, for Python:

    import sasa_nas

    run = sasa_nas.search("tiny", sasa_nas.SearchSettings(trials=8))
    print(run.pareto().front, run.where().stages)
"""

from typing import TYPE_CHECKING

from sasa_nas._lazy import lazy_names

if TYPE_CHECKING:
    from sasa_nas._version import __version__
    from sasa_nas.analysis.attention_maps import Selection
    from sasa_nas.api.catalogue import list_datasets, list_models, list_operators, list_recipes, list_spaces
    from sasa_nas.api.detectors import detect, resume_detector, train_detector
    from sasa_nas.api.exports import export, verify_export
    from sasa_nas.api.networks import (
        attention_maps,
        describe,
        evaluate,
        follow_training,
        load_architecture,
        resume_training,
        scores,
        train,
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
    from sasa_nas.recipes import FullRecipe, load_recipe
    from sasa_nas.run import ExternalResources, SearchSettings, TrainingSettings
    from sasa_nas.searching.observer import SearchObserver
    from sasa_nas.space import Architecture, Recipe, SearchSpace, load_space
    from sasa_nas.table import Table, load_table
    from sasa_nas.tracking.session import Tracking
    from sasa_nas.workflows.attention import ImageSource
    from sasa_nas.workflows.evaluate import EvaluationSettings, make_attacks
    from sasa_nas.workflows.export import ExportRequest, WeightsChoice
    from sasa_nas.workflows.latency import LatencyRequest
    from sasa_nas.workflows.observer import RetrainingObserver, SupernetObserver, TableObserver, TrainingObserver
    from sasa_nas.workflows.retraining_plan import RetrainingRequest

__all__ = [
    "Architecture",
    "DetectionSettings",
    "DetectorResources",
    "EvaluationSettings",
    "ExportRequest",
    "ExternalResources",
    "FullRecipe",
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
    "Tracking",
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
    "follow_training",
    "list_datasets",
    "list_models",
    "list_operators",
    "list_recipes",
    "list_spaces",
    "load_architecture",
    "load_recipe",
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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "_version": ("__version__",),
        "analysis.attention_maps": ("Selection",),
        "api.catalogue": ("list_datasets", "list_models", "list_operators", "list_recipes", "list_spaces"),
        "api.detectors": ("detect", "resume_detector", "train_detector"),
        "api.exports": ("export", "verify_export"),
        "api.networks": (
            "attention_maps",
            "describe",
            "evaluate",
            "follow_training",
            "load_architecture",
            "resume_training",
            "scores",
            "train",
        ),
        "api.run": ("Run",),
        "api.searches": ("draw_designs", "replay", "resume", "search"),
        "api.supernets": ("supernet_agreement", "supernet_scores", "train_supernet"),
        "api.tables": ("make_table", "table_reliability"),
        "data.known": ("register_dataset",),
        "detection.records": ("DetectionSettings", "DetectorResources"),
        "errors": ("UserError",),
        "models": ("build",),
        "operators": ("register_operator",),
        "recipes": ("FullRecipe", "load_recipe"),
        "run": ("ExternalResources", "SearchSettings", "TrainingSettings"),
        "searching.observer": ("SearchObserver",),
        "space": ("Architecture", "Recipe", "SearchSpace", "load_space"),
        "table": ("Table", "load_table"),
        "tracking.session": ("Tracking",),
        "workflows.attention": ("ImageSource",),
        "workflows.evaluate": ("EvaluationSettings", "make_attacks"),
        "workflows.export": ("ExportRequest", "WeightsChoice"),
        "workflows.latency": ("LatencyRequest",),
        "workflows.observer": ("RetrainingObserver", "SupernetObserver", "TableObserver", "TrainingObserver"),
        "workflows.retraining_plan": ("RetrainingRequest",),
    },
)
