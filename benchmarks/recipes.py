"""Accuracy on Tiny ImageNet by the recipe of proxies, by a full recipe, and after training on CIFAR-10 first.

    python benchmarks/recipes.py --data-dir DIR [--only NAME ...] [--workers 2] [--folder runs/recipes] [--out FILE]
    python benchmarks/recipes.py --small

Two networks, ResNet-18 with a quarter of its widths and its twin with window attention in the place of all 3x3
convolutions but the stem's, are trained on the train part of 40 classes of Tiny ImageNet (`tiny_imagenet.py` makes the
folder) for 20 epochs, with two seeds each:

- `proxy`: the recipe of a search's proxies (AdamW, shifts and flips), by their trainer;
- `small_20`: the shipped recipe of that name, which has the same settings, by the trainer of full recipes;
- `strong`: crops of 35 to 100 % of the image, label smoothing, a lower rate, batches of 128 (what `small_20` once was);
- `mild`: `small_20` with shifts of 4 pixels instead of 8 and batches of 128; convolution alone;
- `gentle`: `small_20` with crops of 60 to 100 % and label smoothing; convolution alone, one seed;
- `pretrained`: by `small_20`, from weights that were trained on CIFAR-10's images, enlarged to 64 pixels, by `small_20`
  for eight epochs with one seed;
- `head_only`: likewise, but all except the classifier keeps those weights.

Every training is a command, `sasa-nas train`, in one thread and in a process of its own; `--folder` keeps them, and the
same call goes on after it was stopped. Prints and writes accuracies on the validation and the test part, and processor
seconds. `--only` trains under some conditions, and leaves the file's rows of others as they are. `--small` makes two
tiny folders of images, and trains three epochs on them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from measure import machine
from pictures import write_images

from sasa_nas.files import append_line, write_text
from sasa_nas.models import model_architecture
from sasa_nas.run import TrainingFolder, read_result
from sasa_nas.space import Architecture
from sasa_nas.space.scaling import scaled

RESULTS = Path(__file__).parent / "results" / "recipes_tiny_imagenet.json"
SIDE = 64
WIDTH = 0.25
SEEDS = (0, 1)
SOURCE, TARGET = "imagefolder:cifar10", "imagefolder:tiny_imagenet"
NETWORKS = ("conv", "attention")
STRONG = (
    "augmentation.crop={kind: random_resized, scale: [.35, 1]}",
    "loss.label_smoothing=.1",
    "optimizer.learning_rate=.002",
    "batch_size=128",
)
MILD = ("augmentation.crop.padding=4", "batch_size=128")
GENTLE = ("augmentation.crop={kind: random_resized, scale: [.6, 1]}", "loss.label_smoothing=.1")
ATTENTION = {"kind": "local_attention", "kernel_size": 7, "num_heads": 4}


@dataclass(frozen=True)
class Condition:
    """A way to train.

    Attributes:
        name: Its name.
        dataset: Data set to train on.
        options: Options of `sasa-nas train`, beside network, data set and seeds.
        seeds: Seeds to train with.
        first: Name of the condition whose weights it begins with; None to begin anew.
        networks: Networks that are trained so.
    """

    name: str
    dataset: str
    options: tuple[str, ...]
    seeds: tuple[int, ...] = SEEDS
    first: str | None = None
    networks: tuple[str, ...] = NETWORKS


@dataclass(frozen=True)
class Row:
    """Results of one network under one condition, a number a seed."""

    network: str
    condition: str
    dataset: str
    validation: tuple[float, ...]
    test: tuple[float, ...]
    processor_seconds: float
    """Of all seeds together, without sessions in which this script was killed with them."""
    machine: dict[str, Any]


def conditions(epochs: int, first_epochs: int) -> tuple[Condition, ...]:
    """Return the conditions, those that others begin with before them.

    Args:
        epochs: Epochs on Tiny ImageNet.
        first_epochs: Epochs on CIFAR-10.
    """
    full = ("--recipe", "small_20", "--loader-workers", "0", "--set")
    return (
        Condition("cifar10", SOURCE, (*full, f"epochs={first_epochs}"), seeds=(0,)),
        Condition("proxy", TARGET, ("--epochs", str(epochs))),
        Condition("small_20", TARGET, (*full, f"epochs={epochs}")),
        Condition("strong", TARGET, (*full, f"epochs={epochs}", *changes(STRONG))),
        Condition("mild", TARGET, (*full, f"epochs={epochs}", *changes(MILD)), networks=("conv",)),
        Condition("gentle", TARGET, (*full, f"epochs={epochs}", *changes(GENTLE)), seeds=(0,), networks=("conv",)),
        Condition("pretrained", TARGET, (*full, f"epochs={epochs}", "--pretrained"), first="cifar10"),
        Condition("head_only", TARGET, (*full, f"epochs={epochs}", "--head-only"), first="cifar10"),
    )


def changes(settings: Sequence[str]) -> Iterator[str]:
    """Yield options that change fields of a recipe."""
    for one in settings:
        yield from ("--set", one)


def networks(width: float) -> dict[str, Architecture]:
    """Return thin ResNet-18, with the stem that it has for large images, and its twin with attention."""
    plain = scaled(model_architecture("resnet18"), width, 1.0).model_copy(update={"small_images": "keep"})
    data = plain.model_dump(mode="json")
    stages = [stage | {"operator": ATTENTION} for stage in data["stages"]]
    return dict(zip(NETWORKS, (plain, Architecture.model_validate(data | {"stages": stages})), strict=True))


def commands(place: Path, network: str, condition: Condition, data_dir: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield the trainings of a network under a condition: the folder of each, and what goes on with it."""
    for seed in condition.seeds:
        folder = place / f"{network}_{condition.name}_{seed}"
        data = ["--dataset", condition.dataset, "--data-dir", str(data_dir)]
        if (folder / "training.json").exists():
            yield folder, ["--resume", str(folder), *data]
            continue
        begin = place / f"{network}_{condition.first}_0" if condition.first else place / f"{network}.json"
        how = ["--image-size", str(SIDE), *condition.options, "--seed", str(seed), "--device", "cpu"]
        yield folder, [str(begin), *data, *how, "--out", str(folder)]


def train(place: Path, folder: Path, options: Sequence[str]) -> Path:
    """Train to the end, add the processor time it took to the folder's list, and return the folder.

    Raises:
        RuntimeError: If the command does not end well, with its last line.
    """
    if (folder / "result.json").exists():
        return folder
    command = [sys.executable, "-m", "sasa_nas", "train", *options]
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            command, stdout=told, stderr=subprocess.STDOUT, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        append_line(place / f"{folder.name}.seconds", json.dumps(used.ru_utime + used.ru_stime))
        if process.returncode != 0:
            told.seek(0)
            last = (told.read().strip().splitlines() or ["no message"])[-1]
            raise RuntimeError(f"{folder.name}: status {process.returncode}: {last}")
    print(f"{folder.name}: {read_result(TrainingFolder(folder)).test.mean:.2%} of the test part", flush=True)
    return folder


def row_of(place: Path, network: str, condition: Condition) -> Row:
    """Return the results of a network under a condition."""
    folders = [place / f"{network}_{condition.name}_{seed}" for seed in condition.seeds]
    results = [read_result(TrainingFolder(folder)) for folder in folders]
    spent = [
        float(line)
        for folder in folders
        for line in (place / f"{folder.name}.seconds").read_text(encoding="utf-8").splitlines()
    ]
    return Row(
        network,
        condition.name,
        condition.dataset,
        tuple(accuracy for result in results for accuracy in result.validation_accuracies),
        tuple(seed.test.accuracy for result in results for seed in result.seeds),
        sum(spent),
        machine(torch.device("cpu")),
    )


def write_rows(
    out: Path, place: Path, trained: set[Path], chosen: Sequence[Condition], planned: Sequence[Condition]
) -> list[dict[str, Any]]:
    """Write the rows of all conditions whose seeds are trained, beside those of others, and return them.

    Args:
        out: The file.
        place: Folder of the trainings.
        trained: Folders of those that have ended.
        chosen: Conditions that are trained.
        planned: All conditions, in their order.
    """
    found = [
        row_of(place, name, way)
        for way in chosen
        for name in way.networks
        if all(place / f"{name}_{way.name}_{seed}" in trained for seed in way.seeds)
    ]
    rows = merged(out, found, planned)
    write_text(out, json.dumps({"rows": rows}, indent=1) + "\n")
    return rows


def merged(out: Path, rows: Sequence[Row], planned: Sequence[Condition]) -> list[dict[str, Any]]:
    """Return rows with those of a file that are of other conditions, in the order in which all are planned."""
    kept: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))["rows"] if out.exists() else []
    found = {(row["condition"], row["network"]): row for row in [*kept, *map(asdict, rows)]}
    return [found[way.name, name] for way in planned for name in way.networks if (way.name, name) in found]


def make_small_folders(data_dir: Path) -> None:
    """Write two tiny folders of images in the places of the two data sets."""
    for name in ("cifar10", "tiny_imagenet"):
        for part, count in (("train", 160), ("val", 8), ("test", 8)):
            write_images(data_dir / name / part, None, count, (SIDE, SIDE))


def main() -> None:
    """Train what has not been trained yet, then print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="where cifar10 and tiny_imagenet lie; not with --small")
    parser.add_argument("--only", action="append", metavar="NAME", help="a condition, and what it begins with")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time")
    parser.add_argument("--folder", type=Path, default=Path("runs/recipes"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    if (arguments.data_dir is None) != arguments.small:
        parser.error("give either --data-dir or --small")
    place: Path = arguments.folder
    place.mkdir(parents=True, exist_ok=True)
    data_dir = arguments.data_dir or place / "data"
    if arguments.small:
        make_small_folders(data_dir)
    planned = conditions(3, 3) if arguments.small else conditions(20, 8)
    wanted = set(arguments.only or [way.name for way in planned])
    if unknown := wanted - {way.name for way in planned}:
        parser.error(f"--only {min(unknown)}: give {', '.join(way.name for way in planned)}")
    wanted |= {way.first for way in planned if way.name in wanted and way.first is not None}
    chosen = [way for way in planned if way.name in wanted]
    for name, network in networks(0.0625 if arguments.small else WIDTH).items():
        write_text(place / f"{name}.json", network.model_dump_json())
    # what others begin with is whole before they begin
    rows: list[dict[str, Any]] = []
    ended: set[Path] = set()
    beginnings = [way for way in chosen if any(way.name == other.first for other in planned)]
    for several in (beginnings, [way for way in chosen if way not in beginnings]):
        todo = [one for way in several for name in way.networks for one in commands(place, name, way, data_dir)]
        with ThreadPoolExecutor(arguments.workers) as pool:
            trained = [pool.submit(train, place, *one) for one in todo]
            try:
                for one in as_completed(trained):
                    ended.add(one.result())
                    # what is whole is kept, whatever becomes of the rest
                    rows = write_rows(arguments.out, place, ended, chosen, planned)
            except RuntimeError as error:
                pool.shutdown(cancel_futures=True)
                sys.exit(str(error))
    for row in rows:
        accuracies = " ".join(f"{accuracy:.2%}" for accuracy in row["test"])
        print(f"{row['network']:10} {row['condition']:11} {accuracies:16} {row['processor_seconds']:,.0f} s")


if __name__ == "__main__":
    main()
