"""Metrics of an epoch of a full training."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FullMetrics:
    """Metrics of one epoch of a full training.

    Attributes:
        epoch: Number of epochs done, from 1.
        train_loss: Mean loss over the epoch's updates, as the recipe has it.
        accuracy: Accuracy on the whole validation part, in [0, 1]; None if it is trained on, too.
        validation_loss: Mean cross-entropy in nats on it, without label smoothing; None likewise.
        seconds_train: Wall-clock time of the updates.
        seconds_evaluate: Wall-clock time of the validation.
        unreadable: Number of files that could not be read and were replaced, in this epoch.
    """

    epoch: int
    train_loss: float
    accuracy: float | None
    validation_loss: float | None
    seconds_train: float
    seconds_evaluate: float
    unreadable: int

    @property
    def headline(self) -> str:
        """Short text with the accuracy, for a line of progress."""
        return "no validation" if self.accuracy is None else f"validation {100 * self.accuracy:.2f}%"
