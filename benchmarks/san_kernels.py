"""SAN's relations and aggregation: what a network gets (`auto`) against slices, and windows in memory (`naive`).

    python benchmarks/san_kernels.py [--device cuda] [--seconds 300] [--out FILE] [--small]

Forward, and forward and backward together; milliseconds and peak memory, on the maps of SAN for images of 224 pixels
and on 8x8 maps of a search's proxies, channels first and last in memory. All forms of an operator on a map are timed in
one run. Writes JSON with the machine and versions, by default `benchmarks/results/san_kernels_<device>.json`, after
every map, and prints ratios to `auto`. What does not fit into the seconds is left out and named.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from contenders import Contender, Timed, contender, timed
from measure import Timing, machine
from torch import Tensor

from sasa_nas.files import write_text
from sasa_nas.ops import aggregate, pairwise_relation, patchwise_relation
from sasa_nas.ops.window_sums.forms import Backend

RESULTS = Path(__file__).parent / "results"

Operator = Literal["aggregate", "subtraction", "hadamard", "star", "concatenation"]
"""The aggregation, two pairwise relations and two patchwise ones."""

OPERATORS: tuple[Operator, ...] = ("aggregate", "subtraction", "hadamard", "star", "concatenation")
BACKENDS: tuple[Backend, ...] = ("auto", "slices", "naive")

SHARE = 8
"""Channels of the values that share a weight; keys have a quarter of the values' channels."""

SECONDS = 0.05
"""For one timing, after a warm-up and at least three calls."""


@dataclass(frozen=True)
class SanShape:
    """A square map and a window on it; `channels` are those of the values."""

    batch: int
    size: int
    channels: int
    kernel_size: int
    channels_last: bool = False

    @property
    def name(self) -> str:
        """A short name, unique among shapes."""
        layout = "channels last" if self.channels_last else "channels first"
        return f"B{self.batch} {self.size}x{self.size} C{self.channels} k{self.kernel_size} {layout}"


def shapes(device: torch.device, *, small: bool) -> Iterator[SanShape]:
    """Each of SAN's maps with windows of 7 in both layouts, then with windows of 3 channels first."""
    if small:
        yield SanShape(2, 5, 8, 3, channels_last=True)
        return
    times = 16 if device.type == "cuda" else 1
    maps = ((4, 56, 64), (8, 28, 128), (8, 14, 256), (8, 7, 512), (32, 8, 64))
    for kernel_size, channels_last in ((7, False), (7, True), (3, False)):
        for batch, size, channels in maps:
            yield SanShape(batch * times, size, channels, kernel_size, channels_last)


def san_operator(
    operator: Operator, shape: SanShape, dtype: torch.dtype, device: torch.device, backend: Backend
) -> Contender:
    """One operator by one of its backends."""
    generator = torch.Generator(device).manual_seed(0)

    def random(*sizes: int) -> Tensor:
        numbers = torch.randn(sizes, generator=generator, device=device).to(dtype)
        return numbers.movedim(1, -1).contiguous().movedim(-1, 1) if shape.channels_last else numbers

    window, pixels = shape.kernel_size, (shape.size, shape.size)
    if operator == "aggregate":
        inputs = [
            random(shape.batch, shape.channels // SHARE, window**2, *pixels),
            random(shape.batch, shape.channels, *pixels),
        ]
    else:
        inputs = [random(shape.batch, shape.channels // 4, *pixels) for _ in range(2)]

    def compute(first: Tensor, second: Tensor) -> Tensor:
        match operator:
            case "aggregate":
                return aggregate(first, second, kernel_size=window, backend=backend)
            case "star" | "concatenation":
                return patchwise_relation(first, second, kernel_size=window, kind=operator, backend=backend)
            case _:
                return pairwise_relation(first, second, kernel_size=window, kind=operator, backend=backend)

    with torch.no_grad():
        grad_out = random(*compute(*inputs).shape)
    return contender(compute, [tensor.requires_grad_() for tensor in inputs], grad_out)


@dataclass(frozen=True)
class Row:
    """All backends of an operator on one map."""

    shape: str
    operator: str
    dtype: str
    timings: dict[str, Timed]

    def __str__(self) -> str:
        forward = self._line({name: timing.forward for name, timing in self.timings.items()})
        both = self._line({name: timing.both for name, timing in self.timings.items()})
        return f"{self.shape:34} {self.operator:13} forward {forward}\n{'':48} both    {both}"

    @staticmethod
    def _line(timings: dict[str, Timing | None]) -> str:
        """Return the time of `auto`, and those of the others in multiples of it."""
        ours = timings["auto"]
        if ours is None:
            return "failed"
        others = ((name, timing) for name, timing in timings.items() if name != "auto")
        return f"{ours}; " + ", ".join(
            f"{name} {'failed' if timing is None else f'x{timing.milliseconds / ours.milliseconds:.2f}'}"
            for name, timing in others
        )


def run(device: torch.device, seconds: float, out: Path, *, small: bool = False) -> list[str]:
    """Measures all maps, writes the file after every one, and returns what there was no time for."""
    end = time.monotonic() + seconds
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    rows: list[Row] = []
    left_out: list[str] = []
    for shape in shapes(device, small=small):
        if time.monotonic() > end:
            left_out.append(shape.name)
        else:
            for operator in OPERATORS:
                makers = {name: partial(san_operator, operator, shape, dtype, device, name) for name in BACKENDS}
                timings: dict[str, Timed] = {
                    name: timed(make, device, seconds=0.0 if small else SECONDS) for name, make in makers.items()
                }
                rows.append(Row(shape.name, operator, str(dtype).removeprefix("torch."), timings))
                print(rows[-1], flush=True)
        result = {"machine": machine(device), "left_out": left_out, "rows": [asdict(row) for row in rows]}
        write_text(out, json.dumps(result, indent=1) + "\n")
    return left_out


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=300, help="begin no map after so many")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    parser.add_argument("--small", action="store_true", help="one tiny map, to see that everything runs")
    options = parser.parse_args()
    device = torch.device(options.device)
    out = options.out or RESULTS / f"san_kernels_{device.type}.json"
    left_out = run(device, options.seconds, out, small=options.small)
    print(f"{out}" + (f"; no time for {', '.join(left_out)}" if left_out else ""))


if __name__ == "__main__":
    main()
