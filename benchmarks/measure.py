"""Measurements of the benchmarks: medians of repeated calls, peak memory, and what machine it was."""

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

import torch
from resident import peak_growth

from sasa_nas.training.device import describe_device

FLUSHED_BYTES = 2**28
"""Written between two timed calls on a GPU, so that no input is in its cache."""

COPIED_BYTES = 2**31


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one call: the median and the extremes of `calls`; bytes of memory at the peak.

    The peak is above what was allocated (on a GPU) or resident (on a CPU) before the call; None where nobody knows.
    """

    milliseconds: float
    least: float
    most: float
    calls: int
    peak_bytes: int | None

    def __str__(self) -> str:
        memory = "" if self.peak_bytes is None else f", {self.peak_bytes / 1e6:.0f} MB"
        return f"{self.milliseconds:.3f} ms ({self.least:.3f} to {self.most:.3f}){memory}"


def measure(step: Callable[[], object], device: torch.device, *, seconds: float = 0.5) -> Timing:
    """Time `step`, which must not depend on how often it was called.

    On a GPU its kernels are captured once and replayed, so that short kernels do not wait for Python, and events on
    the device are read; where that fails the calls themselves are timed.

    Args:
        step: What to time.
        device: What it runs on.
        seconds: About how long to go on, after a warm-up of two calls and at least three calls.
    """
    step()
    peak = peak_memory(step, device)
    call = timed(step, device)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or (time.perf_counter() < end and len(times) < 1000):
        times.append(call())
    return Timing(statistics.median(times), min(times), max(times), len(times), peak)


def peak_memory(step: Callable[[], object], device: torch.device) -> int | None:
    """Return the bytes at the peak of one call above what was allocated (GPU) or resident (CPU) before it.

    Args:
        step: Called once; it has run before, so that it neither loads nor compiles anything now.
        device: What it runs on.

    Returns:
        Bytes; None on a CPU whose system does not report the peak of resident memory.
    """
    if device.type != "cuda":
        return peak_growth(step)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def timed(step: Callable[[], object], device: torch.device) -> Callable[[], float]:
    """Return a function that runs `step` once and returns its milliseconds.

    On a GPU it replays the kernels of `step`, captured once, where they can be captured.
    """
    if device.type == "cuda":
        return _timed_on_gpu(step)

    def call() -> float:
        start = time.perf_counter()
        step()
        return (time.perf_counter() - start) * 1e3

    return call


def _timed_on_gpu(step: Callable[[], object]) -> Callable[[], float]:
    replay = _captured(step)
    flushed = torch.empty(FLUSHED_BYTES, dtype=torch.int8, device="cuda")
    start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

    def call() -> float:
        flushed.zero_()
        start.record()
        replay()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end))

    return call


def _captured(step: Callable[[], object]) -> Callable[[], object]:
    """`step` as a graph of kernels, or itself where it cannot be captured."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            step()
    except RuntimeError:
        torch.cuda.synchronize()
        return step
    return graph.replay


def copy_bandwidth(device: torch.device, *, size: int = COPIED_BYTES) -> float:
    """Bytes a second of a large copy on the device, those read and those written."""
    source = torch.ones(size, dtype=torch.int8, device=device)
    target = torch.empty_like(source)
    return 2 * size / (measure(lambda: target.copy_(source), device).milliseconds * 1e-3)


def machine(device: torch.device) -> dict[str, object]:
    """Return the machine and the versions of a measurement."""
    versions = {"python": platform.python_version()}
    for package in ("torch", "triton", "numpy", "sasa-nas"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    described: dict[str, object] = {"versions": versions, "device": describe_device(device)}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        described["gpu"] = properties.name
        described["gpu_bytes"] = properties.total_memory
        described["capability"] = f"{properties.major}.{properties.minor}"
    else:
        described["threads"] = torch.get_num_threads()
    return described
