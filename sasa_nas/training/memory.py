"""Recognition of out-of-memory errors, of which torch raises several types, and control of freed memory."""

import ctypes
import gc
import os
import sys
from functools import cache

import torch

_WORDS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "cudnn_status_alloc_failed",
    "cublas_status_alloc_failed",
)
"""Words of a RuntimeError's or OSError's message, by the CPU's allocator, the CUDA driver, cuDNN or cuBLAS."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if `error` is a lack of memory, on the CPU or on a GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(word in str(error).lower() for word in _WORDS)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's `mallopt`, by their numbers in <malloc.h>."""

_MOST_KEPT = 2**31 - 1
"""Most bytes to keep, the largest number that `mallopt` takes."""

_LARGEST_BLOCKS = (2**30, 2**25)
"""Bytes of the largest block from the heap; versions before 2.35 refuse more than the second."""

_SETTINGS = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
"""Environment variables that configure glibc's allocator."""


@cache
def keep_freed_memory() -> bool:
    """Make glibc, if the process uses it, keep freed memory for later tensors, for the life of the process.

    By default glibc returns a block of 32 MB or more to the system as soon as it is freed, and the end of its heap
    whenever 64 MB are free there. A training step frees and allocates the same maps every time, and each page that was
    returned costs a page fault: up to a third of the step. The process then stays as large as it was at its peak;
    `release_memory` returns what is free. A configuration by environment variables is left unchanged.

    Returns:
        True if this call makes memory be kept.
    """
    library = _glibc()
    if library is None or any(os.environ.get(name) for name in _SETTINGS):
        return False
    # the largest blocks first: either option alone ends the threshold's growth by itself, from 128 KB on
    if not any(library.mallopt(_M_MMAP_THRESHOLD, size) for size in _LARGEST_BLOCKS):
        return False
    return bool(library.mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT))


def release_memory() -> None:
    """Return unused memory to the system: the heap's free pages, and the GPU's cache."""
    gc.collect()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
    if torch.cuda.is_available():  # without one started in this process this does nothing
        torch.cuda.empty_cache()


def _glibc() -> ctypes.CDLL | None:
    """Return the C library of the process; None if it is not glibc."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
