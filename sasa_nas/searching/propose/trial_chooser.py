"""An Optuna trial as the one who decides at the forks of a space."""

from collections.abc import Sequence

from optuna.trial import Trial

from sasa_nas.space.choosers import Label
from sasa_nas.space.searchable import Number, Range


class TrialChooser:
    """Lets an Optuna trial decide at the forks of a space.

    Args:
        trial: A running trial; choices it already holds come back unchanged.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def option(self, name: str, labels: Sequence[Label]) -> int:
        """Return the index of the label that the trial suggests."""
        return list(labels).index(self.trial.suggest_categorical(name, list(labels)))

    def number(self, name: str, values: Range) -> Number:
        """Return the number that the trial suggests."""
        low, high, step = values.range
        if isinstance(low, int) and isinstance(high, int) and isinstance(step, int):
            return self.trial.suggest_int(name, low, high, step=step)
        return self.trial.suggest_float(name, low, high, step=step)
