"""Load of this machine, as one line of the live view."""

import time
from collections.abc import Callable

import psutil

from sasa_nas.analysis.labels import compact_bytes

PERIOD = 2.0
"""Seconds between two readings."""


class MachineLoad:
    """The load of this machine's CPUs, memory and GPUs, read at most once per `PERIOD`; other machines are not covered.

    Args:
        clock: Function that returns seconds from any origin.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read = -PERIOD
        self._line = ""
        psutil.cpu_percent()  # the first answer means nothing: it is of the time since the last

    def line(self) -> str:
        """Return the last reading, or a new one if that is older than `PERIOD`."""
        now = self._clock()
        if now - self._read >= PERIOD:
            self._read = now
            memory = psutil.virtual_memory()
            used = f"{compact_bytes(memory.total - memory.available)} of {compact_bytes(memory.total)}"
            self._line = "; ".join([f"CPU {psutil.cpu_percent():.0f} %, memory {used}", *gpu_lines()])
        return self._line


def gpu_lines() -> list[str]:
    """Return one line per visible GPU, with its utilisation and memory; none if the driver reports nothing."""
    import torch

    if not torch.cuda.is_available():
        return []
    try:
        # both ask the driver's management library, without a context on the GPU, which would take memory from trials
        return [
            f"GPU {gpu} {torch.cuda.utilization(gpu)} %, {compact_bytes(torch.cuda.device_memory_used(gpu))} used"
            for gpu in range(torch.cuda.device_count())
        ]
    # a container may have hidden the library, a slice of a GPU has no such figures: errors of many types
    except Exception:
        return []
