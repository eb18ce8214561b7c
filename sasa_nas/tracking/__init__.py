"""Experiment trackers that follow trainings: TensorBoard, Weights & Biases, MLflow.

A folder's own files stay the truth; a tracker is a copy for other eyes, and no failure of it ends a training.
"""

from typing import TYPE_CHECKING

from sasa_nas._lazy import lazy_names

if TYPE_CHECKING:
    from sasa_nas.tracking.session import Tracking
    from sasa_nas.tracking.tracker import OpenRun, RunDescription, Status, Tool, Tracker

__all__ = ["OpenRun", "RunDescription", "Status", "Tool", "Tracker", "Tracking"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {"session": ("Tracking",), "tracker": ("OpenRun", "RunDescription", "Status", "Tool", "Tracker")},
)
