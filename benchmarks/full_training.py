"""Full training of resnet50 and sasa_resnet50: what the loader, the training step and both together reach.

    python benchmarks/full_training.py [--workers N] [--pictures FOLDER] [--seconds 300] [--out FILE] [--small]

One process trains on JPEGs as large as ImageNet's, which the script makes and the system keeps in memory, at 224
pixels, in bfloat16 where the device computes in it. Images a second of (a) the loader alone, with random crops and
flips; (b) the updates alone, on images that are on the device already; (c) the training, which is both at once; each
after a warm-up, by wall clock, for the same seconds. The ratio c / min(a, b) is 1 if neither ever waits for more than
the slower one. On a CPU they share the cores, and the ratio says little. Writes JSON with the machine and versions, by
default `benchmarks/results/full_training_<device>.json`, after every network.

`--small` trains thin networks on images of 32 pixels, to see that everything runs.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from itertools import chain, count, repeat
from pathlib import Path

import torch
from measure import machine
from pictures import examples, write_images

from sasa_nas.data.splits import DatasetInfo
from sasa_nas.files import write_text
from sasa_nas.models import build, model_architecture
from sasa_nas.recipes import FullRecipe
from sasa_nas.space import Architecture, Image
from sasa_nas.space.scaling import fitted_to, scaled
from sasa_nas.streaming.loader import Batch
from sasa_nas.streaming.sources import FileSource
from sasa_nas.streaming.splits import IMAGENET, StreamedSplits
from sasa_nas.training.freezing import set_training_mode
from sasa_nas.training.full.trainer import FullTrainer
from sasa_nas.training.memory import keep_freed_memory
from sasa_nas.training.pace import measure_pace
from sasa_nas.training.seeding import seeded
from sasa_nas.workflows.full_task import default_workers

RESULTS = Path(__file__).parent / "results"
NAMES = ("resnet50", "sasa_resnet50")
KINDS = ("loader", "step", "training")
CLASSES = 2


def recipe_of(batch_size: int) -> FullRecipe:
    """Return a recipe with the usual augmentation of ResNet-50's baselines."""
    return FullRecipe.model_validate(
        {
            "epochs": 90,
            "batch_size": batch_size,
            "optimizer": {"kind": "sgd", "learning_rate": 0.1, "nesterov": True},
            "augmentation": {"crop": {"kind": "random_resized"}},
        }
    )


def network_of(name: str, side: int, *, small: bool) -> Architecture:
    """Return a network for images of a side, thin if `small`."""
    network = model_architecture(name)
    if small:
        network = scaled(network, 0.25, 0.25)
    return fitted_to(network, Image(channels=3, height=side, width=side), CLASSES)


def splits_of(folder: Path, side: int, times: int) -> StreamedSplits:
    """Return a folder's images, each of them several times, as the train part."""
    source = FileSource(times * examples(folder), side=side)
    info = DatasetInfo("made", 3, side, side, CLASSES, flip=True, shift=0)
    return StreamedSplits(info, source, source, lambda: source, IMAGENET)


def updates(trainer: FullTrainer) -> Iterator[list[Batch]]:
    """Yield updates, each of one micro-batch, from one epoch after the other."""
    return ([batch] for batch in chain.from_iterable(map(trainer.batches.epoch, count())))


def rates_of(
    architecture: Architecture, splits: StreamedSplits, batch: int, workers: int, device: torch.device, seconds: float
) -> dict[str, float]:
    """Return images a second of the loader, the updates, and both, each measured for so many seconds."""
    rates: dict[str, float] = {}
    with seeded(0):
        for kind in KINDS:
            trainer = FullTrainer(build(architecture), splits, recipe_of(batch), seed=0, device=device, workers=workers)
            set_training_mode(trainer.model)
            items = updates(trainer)
            if kind == "step":
                held = [resident(part, device) for part in next(items)]
                trainer.close()
                items = repeat(held)
            work = (lambda _: None) if kind == "loader" else trainer.step
            pace = measure_pace(items, work, total=10**9, limit=seconds, device=device)
            trainer.close()
            rates[kind] = batch / pace.each
    return rates


def resident(batch: Batch, device: torch.device) -> Batch:
    """Return a batch on a device."""
    return Batch(batch.images.to(device), batch.labels.to(device))


def run(
    device: torch.device,
    seconds: float,
    out: Path,
    *,
    workers: int | None = None,
    pictures: Path | None = None,
    small: bool = False,
) -> list[str]:
    """Measure all networks, write the file after each, and return those that there was no time for."""
    end = time.monotonic() + seconds
    workers = default_workers(1) if workers is None else workers
    if device.type == "cpu":
        keep_freed_memory()
    side, batch, images, times = (32, 16, 64, 4) if small else (224, 256, 256, 200)
    each = 0.5 if small else seconds / (2 * len(KINDS) * len(NAMES))
    rows: list[dict[str, object]] = []
    left_out: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "images"
        write_images(folder, pictures, images, (500, 400))
        for name in NAMES:
            if time.monotonic() > end:
                left_out.append(name)
                continue
            rates = rates_of(
                network_of(name, side, small=small), splits_of(folder, side, times), batch, workers, device, each
            )
            ratio = rates["training"] / min(rates["loader"], rates["step"])
            rows.append({"network": name, "images_per_second": rates, "ratio": ratio})
            print(f"{name:16} " + ", ".join(f"{kind} {rate:.0f}" for kind, rate in rates.items()), end=" ")
            print(f"images/s; training is {ratio:.2f} of the slower one", flush=True)
            bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
            result = {
                "machine": machine(device) | {"cores": len(os.sched_getaffinity(0))},
                "small": small,
                "workers": workers,
                "batch": batch,
                "image_size": side,
                "dtype": "bfloat16" if bf16 else "float32",
                "left_out": left_out,
                "rows": rows,
            }
            write_text(out, json.dumps(result, indent=1) + "\n")
    return left_out


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, help="processes that read images; default: as a training has")
    parser.add_argument("--pictures", type=Path, help="folder of small JPEGs to enlarge; default: random colours")
    parser.add_argument("--seconds", type=float, default=300, help="for everything but the making of images")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    parser.add_argument(
        "--small", action="store_true", help="thin networks on tiny images, to see that everything runs"
    )
    options = parser.parse_args()
    device = torch.device(options.device)
    out = options.out or RESULTS / f"full_training_{device.type}.json"
    left_out = run(
        device, options.seconds, out, workers=options.workers, pictures=options.pictures, small=options.small
    )
    print(f"{out}" + (f"; no time for {', '.join(left_out)}" if left_out else ""))


if __name__ == "__main__":
    main()
