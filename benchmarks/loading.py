"""Loading of images for full trainings: speed beside torchvision's own loader, memory, and resuming.

    python benchmarks/loading.py [--pictures FOLDER] [--section NAME ...] [--small] [--out FILE]

JPEGs as large as ImageNet's, of pictures that are enlarged and covered with noise, are read by a worker of this package
and by one of torch's DataLoader with torchvision's ImageFolder and transforms of its version 2 on Pillow's images,
which is torchvision's reference for classifiers. Both give batches of bytes. Epochs of the two alternate; seconds are
of the processor, of all processes together, so that images by second are those of one core; the least of all rounds
counts, but for the first, which starts the workers. Then a folder of three times the memory that a process and each of
its workers may take more than at the beginning (RLIMIT_DATA) is trained on, and their private memory is read from /proc
on the way. Writes `benchmarks/results/loading.json`.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from importlib import metadata
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from measure import machine
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from sasa_nas.data.image_listing import Example
from sasa_nas.files import write_text
from sasa_nas.recipes import Augmentation, RandAugment
from sasa_nas.streaming.loader import Batch, TrainLoader
from sasa_nas.streaming.rand_augment import RandomOperations
from sasa_nas.streaming.sources import FileSource

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "loading.json"
SECTIONS = ("speed", "memory", "resume")
SIDE, BATCH = 224, 32
OPERATIONS = RandAugment(magnitude=6.0, magnitude_std=0.5, increasing=True)
SIZES = {"imagenet": (500, 400), "photos": (4000, 3000)}
"""Width and height of the images."""


class Operations(nn.Module):
    """The package's RandAugment, for the other loader."""

    def forward(self, image: Image.Image) -> Image.Image:
        """Change an image."""
        return RandomOperations(OPERATIONS, "bilinear")(image, random.Random(int(torch.randint(2**62, ()))))


def write_images(
    folder: Path, pictures: Path | None, count: int, size: tuple[int, int], *, different: int | None = None
) -> None:
    """Write JPEGs in two classes, at quality 90; those of 500x400 have about 100 kilobytes.

    Args:
        folder: New folder.
        pictures: Folder of JPEGs to enlarge; None for random colours.
        count: Number of files.
        size: Width and height in pixels.
        different: Number of different images, of which the other files are copies; default: all.
    """
    generator = np.random.default_rng(0)
    files = sorted(pictures.rglob("*.JPEG"))[::97] if pictures else []
    noise = generator.normal(0, 17, (size[1] + 64, size[0] + 64, 3)).astype(np.float32)
    for number in range(count):
        place = folder / str(number % 2)
        place.mkdir(parents=True, exist_ok=True)
        if different is not None and number >= different:
            source = folder / str(number % 2) / f"{number % different:06}.jpg"
            shutil.copyfile(source, place / f"{number:06}.jpg")
            continue
        if files:
            picture = Image.open(files[number % len(files)]).convert("RGB")
        else:
            picture = Image.fromarray(generator.integers(0, 256, (16, 16, 3)).astype(np.uint8))
        enlarged = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
        top, left = generator.integers(0, 64, 2)
        pixels = enlarged + noise[top : top + size[1], left : left + size[0]]
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place / f"{number:06}.jpg", quality=90)


def examples(folder: Path) -> list[Example]:
    """Return the files of a folder, and their classes."""
    return [(str(file), int(file.parent.name)) for file in sorted(folder.rglob("*.jpg"))]


def make(folder: Path, augmentation: Augmentation, workers: int, batch: int = BATCH) -> TrainLoader:
    """Return the package's loader of a folder."""
    source = FileSource(examples(folder), side=SIDE)
    return TrainLoader(
        source, augmentation, side=lambda _: SIDE, flip_allowed=True, batch_size=batch, seed=0, workers=workers
    )


def reference(folder: Path, *, operations: bool, workers: int) -> DataLoader[Any]:
    """Return torchvision's reference loader of a folder."""
    changes = [v2.RandomResizedCrop(SIDE, antialias=True), v2.RandomHorizontalFlip(0.5)]
    transforms = v2.Compose([*changes, *([Operations()] if operations else []), v2.PILToTensor()])
    return DataLoader(
        ImageFolder(str(folder), transform=transforms),
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context="forkserver" if workers else None,
    )


def processor_seconds(processes: Iterable[psutil.Process]) -> float:
    """Return the seconds that processes have taken of the processor."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def workers_now() -> set[int]:
    """Return the processes that this one has started."""
    return {child.pid for child in multiprocessing.active_children() if child.pid is not None}


def compare(folder: Path, *, operations: bool, workers: int, rounds: int) -> dict[str, Any]:
    """Compare both loaders by turns."""
    augmentation = Augmentation(rand_augment=OPERATIONS if operations else None)
    ours, theirs = make(folder, augmentation, workers), reference(folder, operations=operations, workers=workers)
    epochs = iter(range(10**6))
    sides: dict[str, Callable[[], int]] = {
        "sasa_nas": lambda: sum(len(batch.labels) for batch in ours.epoch(next(epochs))),
        "torchvision": lambda: sum(len(labels) for _, labels in theirs),
    }
    mine: dict[str, list[psutil.Process]] = {}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    images = 0
    for turn in range(rounds + 1):
        for name, epoch in sides.items():
            before = workers_now()
            if turn == 0:
                images = epoch()
                mine[name] = [psutil.Process(), *map(psutil.Process, workers_now() - before)]
                continue
            begin = processor_seconds(mine[name])
            assert epoch() == images
            seconds[name].append(processor_seconds(mine[name]) - begin)
    ours.close()
    rates = {name: images / min(found) for name, found in seconds.items()}
    return {
        "images": images,
        "rounds": rounds,
        "workers": workers,
        "images_a_second_a_core": rates,
        "ratio": rates["sasa_nas"] / rates["torchvision"],
        "ratio_of_each_round": [b / a for a, b in zip(seconds["sasa_nas"], seconds["torchvision"], strict=True)],
    }


def private_bytes(processes: Iterable[int]) -> int:
    """Return the memory that processes share with no other."""
    total = 0
    for process in processes:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return 1024 * total


def train_within(connection: Connection, folder: Path, allowed: int, workers: int) -> None:
    """Train for an epoch in a process of limited memory; send its memory, and that of its workers, on the way."""
    torch.set_num_threads(1)
    model = nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(3 * (SIDE // 16) ** 2, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step(images: torch.Tensor, labels: torch.Tensor) -> None:
        loss = nn.functional.cross_entropy(model(images.float() / 255), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    # the first step imports much of torch
    step(torch.zeros(BATCH, 3, SIDE, SIDE), torch.zeros(BATCH, dtype=torch.int64))
    now = int(Path("/proc/self/status").read_text(encoding="ascii").partition("VmData:")[2].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (now + allowed, now + allowed))
    found, images = [], 0
    with make(folder, Augmentation(rand_augment=OPERATIONS), workers) as loader:
        for number, batch in enumerate(loader.epoch(0)):
            step(batch.images, batch.labels)
            images += len(batch.labels)
            if number % max(1, len(loader) // 20) == 0:
                found.append(private_bytes([os.getpid(), *workers_now()]))
    connection.send({"images": images, "private_bytes": found})


def memory(folder: Path, workers: int) -> dict[str, Any]:
    """Train on a folder in a third of its size."""
    size = sum(file.stat().st_size for file in folder.rglob("*.jpg"))
    # or else large and small blocks share a heap, whose holes make memory rise and fall by some hundred megabytes
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=train_within, args=(theirs, folder, size // 3, workers))
    process.start()
    theirs.close()
    # raises EOFError if the memory was not enough
    found: dict[str, Any] = ours.recv()
    process.join()
    # the first ones have not filled what they read ahead
    later = found["private_bytes"][len(found["private_bytes"]) // 4 :]
    return {
        "folder_bytes": size,
        "allowed_bytes": size // 3,
        "malloc_mmap_threshold": int(os.environ["MALLOC_MMAP_THRESHOLD_"]),
        "workers": workers,
        "images": found["images"],
        "private_bytes": found["private_bytes"],
        "growth_after_a_quarter": later[-1] - later[0],
        "spread_after_a_quarter": max(later) - min(later),
    }


def resume(folder: Path, workers: int) -> dict[str, Any]:
    """Compare the images of an epoch with those of one that is interrupted after every third of its updates."""
    loader = make(folder, Augmentation(), workers, batch=16)

    def digests(batches: Iterable[Batch]) -> list[str]:
        images = [image.contiguous() for batch in batches for image in batch.images]
        return [hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in images]

    whole = digests(loader.epoch(0))
    third = max(1, len(loader) // 3)
    parts = [digests(islice(loader.epoch(0, start), third)) for start in (0, third)]
    loader.close()
    resumed = make(folder, Augmentation(), 0, batch=16)
    pieces = [*parts[0], *parts[1], *digests(resumed.epoch(0, 2 * third))]
    return {"images": len(whole), "same_multiset": Counter(whole) == Counter(pieces), "same_order": whole == pieces}


def main() -> None:
    """Measure everything in turn, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pictures", type=Path, help="folder of small JPEGs to enlarge; default: random colours")
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=SECTIONS, help="the file keeps the others")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="few images")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts = {"imagenet": 64, "photos": 32} if options.small else {"imagenet": 320, "photos": 64}
    rounds, large = (2, 2400) if options.small else (6, 4000)
    found: dict[str, Any] = {}
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        folders = {name: Path(scratch) / name for name in SIZES}
        if "speed" in options.section:
            for name, folder in folders.items():
                write_images(folder, options.pictures, counts[name], SIZES[name])
                kinds = {"crop": False, "rand_augment": True} if name == "imagenet" else {"crop": False}
                size = sum(file.stat().st_size for file in folder.rglob("*.jpg")) / counts[name]
                found[f"speed_{name}"] = {"pixels": SIZES[name], "bytes_a_file": round(size)} | {
                    kind: compare(folder, operations=operations, workers=options.workers, rounds=rounds)
                    for kind, operations in kinds.items()
                }
        if "resume" in options.section:
            write_images(folders["imagenet"], options.pictures, counts["imagenet"], SIZES["imagenet"])
            found["resume"] = resume(folders["imagenet"], max(2, options.workers))
        if "memory" in options.section:
            write_images(Path(scratch) / "large", options.pictures, large, SIZES["imagenet"], different=200)
            found["memory"] = memory(Path(scratch) / "large", max(2, options.workers))
    print(json.dumps(found, indent=1))
    earlier = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    described = machine(torch.device("cpu"))
    versions = {package: metadata.version(package) for package in ("torchvision", "pillow")}
    measured = {"machine": described | {"image_versions": versions}, "load": os.getloadavg()[0]}
    write_text(options.out, json.dumps(earlier | found | measured, indent=1) + "\n")
    print(options.out, f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
