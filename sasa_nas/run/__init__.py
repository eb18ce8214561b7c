"""A run as a directory of plain files: where each thing lies, how it is written, how it is read back.

A `RunFolder` holds a search, a `TrainingFolder` the training of one network.
"""

from sasa_nas.run.arms import Arm
from sasa_nas.run.external import ExternalResources
from sasa_nas.run.folder import RunFolder, TrialFolder
from sasa_nas.run.outcomes import Outcome
from sasa_nas.run.phases import Phases
from sasa_nas.run.reader import RunError, read_info, read_trials
from sasa_nas.run.records import RunInfo, SearchSettings, TrialRecord
from sasa_nas.run.training_folder import SeedFolder, TrainingFolder
from sasa_nas.run.training_records import TrainingInfo, TrainingResult, TrainingSettings, read_result, read_training

__all__ = [
    "Arm",
    "ExternalResources",
    "Outcome",
    "Phases",
    "RunError",
    "RunFolder",
    "RunInfo",
    "SearchSettings",
    "SeedFolder",
    "TrainingFolder",
    "TrainingInfo",
    "TrainingResult",
    "TrainingSettings",
    "TrialFolder",
    "TrialRecord",
    "read_info",
    "read_result",
    "read_training",
    "read_trials",
]
