"""Tells a lack of memory from other errors: torch raises several types for it."""

import gc

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
    """Whether `error` says that memory ran out, on the CPU or on a GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(word in str(error).lower() for word in _WORDS)


def release_memory() -> None:
    """Gives back what nothing refers to any more, the GPU's cache too."""
    gc.collect()
    if torch.cuda.is_available():  # without one started in this process this does nothing
        torch.cuda.empty_cache()
