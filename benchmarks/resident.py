"""Peak memory of a step on a CPU: the growth of the process's resident memory, on Linux.

It counts what any allocator holds, that of compiled loops as much as torch's, and knows no difference between memory in
use and memory that was given back but kept by the C library. So freed memory is handed back first.
"""

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_growth(step: Callable[[], object]) -> int | None:
    """Bytes of resident memory at the peak of `step` above those before it; None where the system cannot tell.

    Args:
        step: Called once. Call it before, so that it does not load or compile anything now.
    """
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        # makes the peak what is resident now (proc_pid_clear_refs(5))
        RESET.write_text("5", encoding="ascii")
        before = _bytes("VmRSS")
        step()
        return _bytes("VmHWM") - before
    except (OSError, AttributeError, KeyError):
        return None


def _bytes(field: str) -> int:
    fields = dict(line.split(":", 1) for line in STATUS.read_text(encoding="ascii").splitlines())
    return int(fields[field].split()[0]) * 1024
