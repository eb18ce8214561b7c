"""A backend of Optuna's `JournalStorage` that writes all that belongs together at once, and reads nothing back.

Optuna writes a trial's parameters one by one, and waits for the disk each time: thirty times for a trial of twenty
parameters.
"""

import json
from collections.abc import Iterator
from typing import Any

from optuna.storages.journal import BaseJournalBackend


class BatchBackend(BaseJournalBackend):
    """Operations of one storage on their way to another backend; of no others is anything known here.

    Args:
        backend: Backend that they are written to.
    """

    def __init__(self, backend: BaseJournalBackend) -> None:
        self._backend = backend
        self._unwritten: list[dict[str, Any]] = []
        self._unread: list[dict[str, Any]] = []
        self._read = 0

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the operations from a number on; those before are not asked for again."""
        del self._unread[: log_number_from - self._read]
        self._read = log_number_from
        yield from self._unread

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Take operations, which `flush` writes."""
        self._unwritten += logs
        self._unread += json.loads(json.dumps(logs))  # as they would come back from a file

    def flush(self) -> None:
        """Write what was taken; whatever comes of it, it is not tried again.

        Raises:
            OSError: If a file cannot be written.
        """
        logs, self._unwritten = self._unwritten, []
        self._backend.append_logs(logs)
