"""Window attention against its plain form, FlexAttention, a 3x3 convolution of the same width, and a copy.

    python benchmarks/kernels.py [--device cuda] [--seconds 300] [--out FILE] [--small]

Forward, and forward and backward together; milliseconds and peak memory. FlexAttention has no backward pass on a CPU,
where it is compiled for windows of 7 alone. Every figure of a shape is taken
in one run. Writes JSON with the machine and versions, by default `benchmarks/results/kernels_<device>.json`, after
every shape, and prints a table of ratios. What does not fit into the seconds is left out and named.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from contenders import Contender, Shape, Timed, attention, convolution, flex_attention, floor_bytes, timed
from measure import Timing, copy_bandwidth, machine

from sasa_nas.files import write_text

RESULTS = Path(__file__).parent / "results"

FLEX_WINDOW = 7
"""The window for which FlexAttention is compiled on a CPU."""

SECONDS = 0.5
"""For one timing, after a warm-up and at least three calls."""

Maker = Callable[[Shape, torch.dtype, torch.device], Contender]


def makers(device: torch.device) -> dict[str, Maker]:
    """Return the contenders of a device, by name; `auto` is what a network gets."""
    named: dict[str, Maker] = {
        "auto": attention,
        "naive": lambda shape, dtype, device: attention(shape, dtype, device, "naive"),
        "conv3x3": convolution,
    }
    if device.type == "cuda":
        return named | {"flex": flex_attention}
    return named | {
        "slices": lambda shape, dtype, device: attention(shape, dtype, device, "slices"),
        "flex": flex_attention,
    }


def grid(device: torch.device, *, small: bool) -> Iterator[tuple[Shape, torch.dtype]]:
    """ResNet-50's maps with 8 heads and windows of 7; then other windows and types on two of them."""
    batch = 128 if device.type == "cuda" else 8
    types = [torch.bfloat16, torch.float16, torch.float32] if device.type == "cuda" else [torch.float32]
    if small:
        yield Shape(2, 5, 2, 4, 3), torch.float32
        return
    sizes = {56: 8, 28: 16, 14: 32, 7: 64}
    for size, depth in list(sizes.items()) if device.type == "cuda" else list(sizes.items())[1:]:
        yield Shape(batch, size, 8, depth, 7), types[0]
    for kernel_size in (3, 5, 9, 11):
        for size in (28, 14):
            yield Shape(batch, size, 8, sizes[size], kernel_size), types[0]
    for dtype in types[1:]:
        for size in (28, 14):
            yield Shape(batch, size, 8, sizes[size], 7), dtype


@dataclass(frozen=True)
class Row:
    """All contenders on one shape, and milliseconds that a copy of what must be moved would take."""

    shape: str
    dtype: str
    forward_floor: float
    both_floor: float
    timings: dict[str, Timed]

    def __str__(self) -> str:
        ours = self.timings["auto"]
        if ours.forward is None or ours.both is None:
            return f"{self.shape:28} {self.dtype:9} {ours.error}"
        forward = self._line(ours.forward, self.forward_floor, {n: t.forward for n, t in self.timings.items()})
        both = self._line(ours.both, self.both_floor, {n: t.both for n, t in self.timings.items()})
        return f"{self.shape:28} {self.dtype:9} forward {forward}\n{'':39}both    {both}"

    @staticmethod
    def _line(ours: Timing, floor: float, timings: dict[str, Timing | None]) -> str:
        """Return the time of `auto` in multiples of the copy, and those of the others in multiples of `auto`."""
        others = [
            f"{name} {'failed' if timing is None else f'x{timing.milliseconds / ours.milliseconds:.2f}'}"
            for name, timing in timings.items()
            if name != "auto"
        ]
        return f"{ours} = {ours.milliseconds / floor:.1f} copies; {', '.join(others)}"


def row_of(shape: Shape, dtype: torch.dtype, device: torch.device, bandwidth: float, *, seconds: float) -> Row:
    """Time all contenders on one shape; `seconds` are those of `measure`."""
    # compiling it takes longer than all else on a CPU
    skipped = {"flex"} if device.type == "cpu" and shape.kernel_size != FLEX_WINDOW else set()
    wanted = {name: partial(make, shape, dtype, device) for name, make in makers(device).items() if name not in skipped}
    timings = {name: timed(make, device, seconds=seconds) for name, make in wanted.items()}
    forward, both = (size / bandwidth * 1e3 for size in floor_bytes(shape, dtype))
    return Row(shape.name, str(dtype).removeprefix("torch."), forward, both, timings)


def run(device: torch.device, seconds: float, out: Path, *, small: bool = False) -> list[str]:
    """Measures the grid, writes the file after every shape, and returns what there was no time for."""
    end = time.monotonic() + seconds
    bandwidth = copy_bandwidth(device, size=2**31 if device.type == "cuda" else 2**26)
    rows: list[Row] = []
    left_out: list[str] = []
    for shape, dtype in grid(device, small=small):
        if time.monotonic() > end:
            left_out.append(f"{shape.name} {dtype}")
        else:
            # of one tiny shape, three calls show that everything runs
            rows.append(row_of(shape, dtype, device, bandwidth, seconds=0.0 if small else SECONDS))
            print(rows[-1], flush=True)
        result = {
            "machine": machine(device),
            "copy_bytes_per_second": bandwidth,
            "left_out": left_out,
            "rows": [asdict(row) for row in rows],
        }
        write_text(out, json.dumps(result, indent=1) + "\n")
    return left_out


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=600, help="begin no shape after so many")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    parser.add_argument("--small", action="store_true", help="one tiny shape, to see that everything runs")
    options = parser.parse_args()
    device = torch.device(options.device)
    out = options.out or RESULTS / f"kernels_{device.type}.json"
    left_out = run(device, options.seconds, out, small=options.small)
    print(f"{out}" + (f"; no time for {', '.join(left_out)}" if left_out else ""))


if __name__ == "__main__":
    main()
