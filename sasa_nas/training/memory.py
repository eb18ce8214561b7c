"""Tells a lack of memory from other errors, of which torch raises several types, and keeps or releases freed memory."""

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
"""In the messages of a RuntimeError or an OSError: the CPU's allocator, the CUDA driver, cuDNN, cuBLAS."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether `error` says that memory ran out, on the CPU or on a GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(word in str(error).lower() for word in _WORDS)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's `mallopt`, as <malloc.h> numbers them."""

_MOST_KEPT = 2**31 - 1
"""Bytes; the largest number that `mallopt` takes."""

_LARGEST_BLOCKS = (2**30, 2**25)
"""Bytes of the largest block that comes from the heap; versions before 2.35 refuse more than the second."""

_SETTINGS = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
"""Environment variables by which a person configures glibc's allocator."""


@cache
def keep_freed_memory() -> bool:
    """Make the C library keep freed memory for later tensors, for the life of the process, where it is glibc.

    By default glibc returns a block of 32 MB or more to the system as soon as it is freed, and the end of its heap
    whenever 64 MB are free there. A training step frees and allocates the same maps every time, and each page that was
    returned costs a page fault: up to a third of the step. The process then stays as large as it was at its peak;
    `release_memory` returns what is free. What a person has configured by environment variables is left alone.

    Returns:
        Whether memory is kept by this call.
    """
    library = _glibc()
    if library is None or any(os.environ.get(name) for name in _SETTINGS):
        return False
    # the largest blocks first: either option alone ends the threshold's growth by itself, from 128 KB on
    if not any(library.mallopt(_M_MMAP_THRESHOLD, size) for size in _LARGEST_BLOCKS):
        return False
    return bool(library.mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT))


def release_memory() -> None:
    """Give back what nothing refers to any more: the heap's free pages, and the GPU's cache."""
    gc.collect()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
    if torch.cuda.is_available():  # without one started in this process this does nothing
        torch.cuda.empty_cache()


def _glibc() -> ctypes.CDLL | None:
    """Return the C library of the process; None where it is not glibc."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
