"""Messages about a full training, from the ranks that share it to the process that has started them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from sasa_nas.errors import UserError
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.full.metrics import FullMetrics
from sasa_nas.training.loop import NonFiniteLoss

Message: TypeAlias = tuple[str, Any]
"""Name of an event and its content, of numbers, texts and plain containers."""


class SentProgress:
    """Progress of a training, sent to the process that started the ranks.

    Args:
        send: Function that sends a message.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send

    def started(self, history: Sequence[FullMetrics]) -> None:
        """Send the metrics of earlier sessions."""
        self._send(("started", [asdict(epoch) for epoch in history]))

    def restarted(self, reason: str) -> None:
        """Send the reason."""
        self._send(("restarted", reason))

    def advanced(self, history: Sequence[FullMetrics]) -> None:
        """Send the metrics of all epochs."""
        self._send(("advanced", [asdict(epoch) for epoch in history]))

    def stepped(self, epoch: int, done: int, updates: int) -> None:
        """Send the numbers."""
        self._send(("stepped", (epoch, done, updates)))

    def regrouped(self, news: str) -> None:
        """Do nothing: the process that started the ranks knows."""


def history_of(content: Sequence[dict[str, Any]]) -> list[FullMetrics]:
    """Return the epochs of a message."""
    return [FullMetrics(**epoch) for epoch in content]


def deliver(message: Message, progress: Progress[FullMetrics]) -> None:
    """Pass a message on.

    Args:
        message: The message.
        progress: Observer of the training.

    Raises:
        NonFiniteLoss: If the training has diverged.
        UserError: If a rank cannot take part as asked.
    """
    event, content = message
    match event:
        case "started":
            progress.started(history_of(content))
        case "restarted":
            progress.restarted(content)
        case "advanced":
            progress.advanced(history_of(content))
        case "stepped":
            progress.stepped(*content)
        case "diverged":
            raise NonFiniteLoss(content)
        case "refused":
            raise UserError(content)
