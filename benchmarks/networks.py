"""Networks of the papers beside resnet50: images a second in training and in inference, eager and compiled, and memory.

    python benchmarks/networks.py [--device cuda] [--seconds 600] [--out FILE] [--small]

All networks get the same channels_last images in one run, in bfloat16 by autocast on a GPU and in float32 on a CPU. A
training step is forward, loss and backward, without an optimizer. Peak memory is a GPU's; on a CPU it is null. Writes
JSON with the machine and versions, by default `benchmarks/results/networks_<device>.json`, after every network, and
prints ratios to resnet50. What fails or does not fit into the seconds is named.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from measure import Timing, machine, measure
from torch import Tensor, nn
from torch.nn import functional as F

from sasa_nas.files import write_text
from sasa_nas.models import build, model_architecture

RESULTS = Path(__file__).parent / "results"
BASELINE = "resnet50"
NAMES = (BASELINE, "sasa_resnet50", "sasa_full_resnet50", "aa_resnet50", "san19_pairwise", "san19_patchwise")
KINDS = ("training", "inference")


@dataclass(frozen=True)
class Row:
    """One network in one mode, `eager` or `compiled`: what was measured, by kind, or why nothing was."""

    network: str
    mode: str
    timings: dict[str, Timing]
    images_per_second: dict[str, float]
    error: str | None = None


def steps(network: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Callable[[], object]]:
    """Return a training step and an inference, by kind."""
    kind = images.device.type

    def train() -> None:
        network.zero_grad(set_to_none=True)
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=kind == "cuda"):
            loss = F.cross_entropy(network(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]

    def infer() -> object:
        with torch.inference_mode(), torch.autocast(kind, dtype=torch.bfloat16, enabled=kind == "cuda"):
            return network(images)

    return {"training": train, "inference": infer}


def row_of(name: str, mode: str, images: Tensor, seconds: float) -> Row:
    """Time one network, whatever it raises."""
    device, timings = images.device, {}
    labels = torch.zeros(images.shape[0], dtype=torch.long, device=device)
    try:
        torch.compiler.reset()
        network: nn.Module = build(model_architecture(name)).to(device).to(memory_format=torch.channels_last)
        if mode == "compiled":
            network = torch.compile(network)  # type: ignore[assignment]
        for kind, step in steps(network, images, labels).items():
            network.train(kind == "training")
            timings[kind] = measure(step, device, seconds=seconds)
    except Exception as error:
        return Row(name, mode, timings, {}, f"{type(error).__name__}: {error}".splitlines()[0][:200])
    rates = {kind: len(images) / timing.milliseconds * 1e3 for kind, timing in timings.items()}
    return Row(name, mode, timings, rates)


def line(row: Row, rows: list[Row]) -> str:
    """Return a row in words, beside the baseline in the same mode."""
    if row.error is not None:
        return f"{row.network:20} {row.mode:9} failed: {row.error}"
    base = next((r for r in rows if r.network == BASELINE and r.mode == row.mode and r.error is None), None)
    parts = []
    for kind in KINDS:
        ratio = (
            "" if base is None else f" = {row.images_per_second[kind] / base.images_per_second[kind]:.2f} {BASELINE}"
        )
        peak = row.timings[kind].peak_bytes
        memory = "" if peak is None else f", {peak / 1e9:.2f} GB"
        parts.append(f"{kind} {row.images_per_second[kind]:9.1f} images/s{ratio}{memory}")
    return f"{row.network:20} {row.mode:9} {'; '.join(parts)}"


def run(device: torch.device, seconds: float, out: Path, *, small: bool = False) -> list[str]:
    """Measures all networks, eager ones first, writes the file after each, and returns what there was no time for."""
    end = time.monotonic() + seconds
    batch, size = (128, 224) if device.type == "cuda" else (4, 224)
    if small:
        batch, size = 2, 32
    images = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
    images = images.to(device).to(memory_format=torch.channels_last)
    wanted = [(name, mode) for mode in ("eager", "compiled") for name in NAMES]
    wanted = wanted[:1] if small else wanted
    rows: list[Row] = []
    left_out: list[str] = []
    for name, mode in wanted:
        if time.monotonic() > end:
            left_out.append(f"{name} {mode}")
        else:
            rows.append(row_of(name, mode, images, 1.0 if device.type == "cuda" and not small else 0.1))
            print(line(rows[-1], rows), flush=True)
        result = {
            "machine": machine(device),
            "batch": batch,
            "image_size": size,
            "dtype": "bfloat16" if device.type == "cuda" else "float32",
            "left_out": left_out,
            "rows": [asdict(row) for row in rows],
        }
        write_text(out, json.dumps(result, indent=1) + "\n")
    return left_out


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=600, help="begin no network after so many")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    parser.add_argument("--small", action="store_true", help="one network on tiny images, to see that everything runs")
    options = parser.parse_args()
    device = torch.device(options.device)
    out = options.out or RESULTS / f"networks_{device.type}.json"
    left_out = run(device, options.seconds, out, small=options.small)
    print(f"{out}" + (f"; no time for {', '.join(left_out)}" if left_out else ""))


if __name__ == "__main__":
    main()
