"""A run as a directory of plain files: where each thing lies, how it is written, how it is read back."""

from sasa_nas.run.folder import RunFolder, TrialFolder
from sasa_nas.run.reader import RunError, read_info, read_trials
from sasa_nas.run.records import Outcome, RunInfo, SearchSettings, TrialRecord

__all__ = [
    "Outcome",
    "RunError",
    "RunFolder",
    "RunInfo",
    "SearchSettings",
    "TrialFolder",
    "TrialRecord",
    "read_info",
    "read_trials",
]
