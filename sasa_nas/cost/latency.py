"""Measurement of the latency of a network's forward pass on a device.

A network is run in evaluation mode, without gradients, on one batch on the device: first to warm up (kernels compiled,
caches filled, clocks up), then repeatedly for a fixed time. The latency is the median, because other load only ever
adds time; the quartiles show its size.

On a GPU the pass is captured once as a graph and replayed, so that short kernels do not wait for Python, and events on
the device are read. Where it cannot be captured, events are read around the pass itself.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

WARM_UP = 3
"""Least number of calls before the first measured one."""
FEWEST_CALLS = 9
MOST_CALLS = 1000


@dataclass(frozen=True)
class Latency:
    """The time of one forward pass of a whole batch.

    Attributes:
        batch: Batch size.
        seconds: Median over the calls.
        low: Lower quartile, in seconds.
        high: Upper quartile, in seconds.
        calls: Number of measured calls.

    Raises:
        ValueError: If a value is impossible, as in a damaged record.
    """

    batch: int
    seconds: float
    low: float
    high: float
    calls: int

    def __post_init__(self) -> None:
        if not (0 < self.low <= self.seconds <= self.high < float("inf") and self.batch >= 1 and self.calls >= 1):
            raise ValueError(f"no latency: {self}")

    @property
    def noise(self) -> float:
        """The interquartile range as a share of the median."""
        return (self.high - self.low) / self.seconds


def measure_latency(network: nn.Module, x: Tensor, *, threads: int = 1, seconds: float = 0.3) -> Latency:
    """Time forward passes of `network`, whose mode is restored.

    Args:
        network: The network, on the input's device.
        x: The input, `(B, C, H, W)`.
        threads: CPU threads, which also launch a GPU's kernels; the process's number is restored.
        seconds: Approximate time of the measurement, after a warm-up of a third of it; at least `FEWEST_CALLS` are
            made.
    """
    training = network.training
    network.eval()
    try:
        with torch.inference_mode(), _threads(threads):
            call = _on_gpu(network, x) if x.is_cuda else _on_cpu(network, x)
            _repeat(call, seconds=seconds / 3, fewest=WARM_UP)
            times = _repeat(call, seconds=seconds, fewest=FEWEST_CALLS)
    finally:
        network.train(training)
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Latency(batch=len(x), seconds=median, low=low, high=high, calls=len(times))


def _repeat(call: Callable[[], float], *, seconds: float, fewest: int) -> list[float]:
    """Call repeatedly for a number of seconds and return the results."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < fewest or (time.perf_counter() < end and len(times) < MOST_CALLS):
        times.append(call())
    return times


def _on_cpu(network: nn.Module, x: Tensor) -> Callable[[], float]:
    def call() -> float:
        start = time.perf_counter()
        network(x)
        return time.perf_counter() - start

    return call


def _on_gpu(network: nn.Module, x: Tensor) -> Callable[[], float]:
    with torch.cuda.device(x.device):
        replay = _captured(network, x)
        start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

    def call() -> float:
        with torch.cuda.device(x.device):
            start.record()
            replay()
            end.record()
            end.synchronize()
        return float(start.elapsed_time(end)) * 1e-3

    return call


def _captured(network: nn.Module, x: Tensor) -> Callable[[], object]:
    """Return the forward pass as a CUDA graph, or itself if it cannot be captured."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            network(x)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            network(x)
    except RuntimeError:
        torch.cuda.synchronize()
        return lambda: network(x)
    return graph.replay


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
