"""Training steps of networks that differ in the operator alone, beside the convolutional one: time and peak memory.

    python benchmarks/operators.py [--device cuda] [--seconds 600] [--out FILE] [--small]

A step is forward, cross-entropy and backward, without an optimizer, on channels_last images: in float32 on a CPU, with
one thread and with two, and in bfloat16 by autocast on a GPU. The networks of a case take turns in one run, and a
time is the median of the rounds; on a CPU the process keeps freed memory, as all trainings do. Peak memory is that of
one step above what was there before, on a CPU in a process of its own with one thread. SAN's networks are compared with
resnet50 in the same way.

Writes JSON with the machine and versions, by default `benchmarks/results/operators_<device>.json`, after every case.
What fails, or is not begun within the seconds, is named.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch
from measure import machine, peak_memory, timed
from networks import steps
from torch import nn

from sasa_nas.files import write_text
from sasa_nas.models import build, model_architecture
from sasa_nas.space.architecture import Architecture
from sasa_nas.training.memory import keep_freed_memory

RESULTS = Path(__file__).parent / "results"
FEWEST_ROUNDS = 5
THREADS = (1, 2)
"""Thread counts on a CPU."""
WIDTHS = (16, 32, 32, 64)
"""Bottleneck widths of the four stages."""

OPERATORS: Mapping[str, Mapping[str, object]] = {
    "conv": {"kind": "conv", "kernel_size": 3},
    "local_attention": {"kind": "local_attention", "kernel_size": 7, "num_heads": 4},
    "patchwise": {"kind": "patchwise", "kernel_size": 5},
    "augmented_conv": {
        **{"kind": "augmented_conv", "num_heads": 4, "min_key_dim": 1},
        **{"key_ratio": 0.25, "value_ratio": 0.25},
    },
    "pairwise": {"kind": "pairwise", "kernel_size": 5},
}
"""The operator of all four stages, by the row's name."""


@dataclass(frozen=True)
class Case:
    """Networks to compare on the same images.

    Attributes:
        name: How the case is called in the results.
        size: Side of the images in pixels.
        batch: Images of a step.
        baseline: The network that the others are compared with.
        networks: Names of all networks: operators if `widths` is given, else named models.
        widths: Bottleneck widths of the networks that differ in the operator; None for named models.
    """

    name: str
    size: int
    batch: int
    baseline: str
    networks: tuple[str, ...]
    widths: tuple[int, ...] | None = None

    def architecture(self, network: str) -> Architecture:
        """Return the architecture of one of the networks."""
        if self.widths is None:
            return model_architecture(network)
        return operator_network(OPERATORS[network], self.widths, self.size)


@dataclass(frozen=True)
class Row:
    """One network's step.

    Attributes:
        case: Name of the case.
        network: Name of the network.
        threads: Threads on a CPU; None on a GPU.
        milliseconds: Median of the rounds; None where the network failed, like the other figures.
        least: Fastest round in milliseconds.
        most: Slowest round in milliseconds.
        rounds: Number of timed steps.
        images_per_second: Batch over the median.
        time_ratio: Median over the baseline's.
        peak_bytes: Memory of one step at its peak above that before it.
        peak_ratio: That memory over the baseline's.
        error: What failed, in one line.
    """

    case: str
    network: str
    threads: int | None
    milliseconds: float | None = None
    least: float | None = None
    most: float | None = None
    rounds: int = 0
    images_per_second: float | None = None
    time_ratio: float | None = None
    peak_bytes: int | None = None
    peak_ratio: float | None = None
    error: str | None = None

    def __str__(self) -> str:
        threads = "" if self.threads is None else f"{self.threads} threads"
        head = f"{self.case:12} {threads:10} {self.network:16}"
        if self.error is not None or self.milliseconds is None:
            return f"{head} failed: {self.error}"
        times = "" if self.time_ratio is None else f" = {self.time_ratio:5.2f}x"
        peak = "" if self.peak_bytes is None else f", {self.peak_bytes / 1e6:8.1f} MB"
        peaks = "" if self.peak_ratio is None else f" = {self.peak_ratio:.2f}x"
        return f"{head} {self.milliseconds:9.1f} ms{times}, {self.images_per_second:8.1f} images/s{peak}{peaks}"


def operator_network(operator: Mapping[str, object], widths: tuple[int, ...], size: int) -> Architecture:
    """Return a network of four bottleneck blocks around one operator, for RGB images of 10 classes.

    Args:
        operator: Description of the operator, as an architecture file has it.
        widths: Bottleneck width of each stage; the stem is as wide as the first.
        size: Side of the images in pixels.
    """
    stages = [
        {"blocks": 1, "width": width, "stride": stride, "operator": operator, "expansion": 2}
        for width, stride in zip(widths, (2, 1, 2, 2), strict=True)
    ]
    stem = {"kind": "conv", "width": widths[0], "kernel_size": 3, "stride": 1, "pool": False}
    image = {"channels": 3, "height": size, "width": size}
    return Architecture.model_validate(
        {"block": "bottleneck", "stem": stem, "num_classes": 10, "image": image, "stages": stages}
    )


def cases(device: torch.device, *, small: bool) -> list[Case]:
    """Return all cases for a device; two tiny ones if `small`."""
    batch, large = (512, 128) if device.type == "cuda" else (128, 4)
    names = tuple(OPERATORS)
    if small:
        return [
            Case("8px", 8, 2, "conv", ("conv", "pairwise"), (8, 8, 8, 8)),
            Case("san10-32px", 32, 2, "resnet50", ("resnet50", "san10_patchwise")),
        ]
    thin = tuple(width // 2 for width in WIDTHS)
    return [
        Case("32px", 32, batch, "conv", names, WIDTHS),
        Case("32px-thin", 32, batch, "conv", names, thin),
        Case("64px", 64, batch, "conv", names, WIDTHS),
        Case("san10-64px", 64, large, "resnet50", ("resnet50", "san10_pairwise", "san10_patchwise")),
        Case("san19-224px", 224, large, "resnet50", ("resnet50", "san19_pairwise", "san19_patchwise")),
    ]


def network_of(case: Case, name: str, device: torch.device) -> nn.Module:
    """Build one network of a case, in training mode."""
    torch.manual_seed(0)
    return build(case.architecture(name)).train().to(device).to(memory_format=torch.channels_last)


def step_of(case: Case, network: nn.Module, device: torch.device) -> Callable[[], object]:
    """Return the training step of a network on the images of its case."""
    images = torch.randn(case.batch, 3, case.size, case.size, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(case.batch) % 10
    images = images.to(device).to(memory_format=torch.channels_last)
    return steps(network, images, labels.to(device))["training"]


@cache
def peak_of(case: Case, name: str, device: torch.device) -> int | None:
    """Return the bytes that a step of a network takes at its peak, gradients included; None where no system tells.

    On a CPU it is measured in a new process.
    """
    if device.type == "cuda":
        return _peak(case, name, device)
    # forked from a server that has imported torch and run nothing
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sasa_nas.models"])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_peak, case, name, device).result()


def _peak(case: Case, name: str, device: torch.device) -> int | None:
    if device.type == "cpu":
        torch.set_num_threads(1)
    network = network_of(case, name, device)
    step = step_of(case, network, device)
    # the first call compiles and packs
    step()
    step()
    network.zero_grad(set_to_none=True)
    return peak_memory(step, device)


def rows_of(case: Case, device: torch.device, threads: int | None, seconds: float, *, fewest: int) -> list[Row]:
    """Time the networks of a case in turns, and measure the memory of each.

    Args:
        case: The networks and images.
        device: Where they run.
        threads: Threads on a CPU; None on a GPU.
        seconds: How long to go on with rounds.
        fewest: Rounds to make however long they take.
    """
    if threads is not None:
        torch.set_num_threads(threads)
        keep_freed_memory()
    peaks: dict[str, int | None] = {}
    calls: dict[str, Callable[[], float]] = {}
    errors: dict[str, str] = {}
    for network in case.networks:
        try:
            peaks[network] = peak_of(case, network, device)
            step = step_of(case, network_of(case, network, device), device)
            step()
            calls[network] = timed(step, device)
        except Exception as error:
            errors[network] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    times: dict[str, list[float]] = {network: [] for network in calls}
    end, done = time.monotonic() + seconds, 0
    while done < fewest or time.monotonic() < end:
        for network, call in calls.items():
            times[network].append(call())
        done += 1
    medians = {network: statistics.median(taken) for network, taken in times.items()}
    rows = [Row(case.name, network, threads, error=error) for network, error in errors.items()]
    for network, taken in times.items():
        peak, most = peaks[network], peaks.get(case.baseline)
        rows.append(
            Row(
                case=case.name,
                network=network,
                threads=threads,
                milliseconds=medians[network],
                least=min(taken),
                most=max(taken),
                rounds=done,
                images_per_second=case.batch / medians[network] * 1e3,
                time_ratio=medians[network] / medians[case.baseline] if case.baseline in medians else None,
                peak_bytes=peak,
                peak_ratio=peak / most if peak is not None and most else None,
            )
        )
    return rows


def run(device: torch.device, seconds: float, out: Path, *, small: bool = False) -> list[str]:
    """Measure all cases, write the file after each, and return the names of those that there was no time for."""
    end = time.monotonic() + seconds
    wanted = cases(device, small=small)
    counts = (None,) if device.type == "cuda" else THREADS[:1] if small else THREADS
    pairs = [(case, threads) for case in wanted for threads in counts]
    rows: list[Row] = []
    left_out: list[str] = []
    for i, (case, threads) in enumerate(pairs):
        left = end - time.monotonic()
        if left < 0 and not small:
            left_out.append(case.name if threads is None else f"{case.name} with {threads} threads")
        else:
            share = 0.0 if small else left / (len(pairs) - i) / 2  # half of it is for memory and warming up
            rows += rows_of(case, device, threads, share, fewest=1 if small else FEWEST_ROUNDS)
            for row in rows[-len(case.networks) :]:
                print(row, flush=True)
        result = {
            "machine": machine(device),
            "dtype": "bfloat16" if device.type == "cuda" else "float32",
            "left_out": left_out,
            "cases": [asdict(case) for case in wanted],
            "rows": [asdict(row) for row in rows],
        }
        write_text(out, json.dumps(result, indent=1) + "\n")
    return left_out


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=600, help="for all cases; none is begun after them")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--small", action="store_true", help="tiny networks and images, to try the script")
    options = parser.parse_args()
    device = torch.device(options.device)
    out = options.out or RESULTS / f"operators_{device.type}.json"
    left_out = run(device, options.seconds, out, small=options.small)
    print(f"{out}" + (f"; no time for {', '.join(left_out)}" if left_out else ""))


if __name__ == "__main__":
    main()
