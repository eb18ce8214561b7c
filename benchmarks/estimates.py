"""Estimates of the time that a training takes, against the time that it then took, by the machine's own clock.

    python benchmarks/estimates.py [--repeats 5] [--epochs 12] [--device auto] [--out FILE] [--small]

ResNet-18 with a quarter of its widths is trained on digits, by the recipe of proxies and by a full recipe whose images
grow, after it was timed for a moment as `sasa-nas train` does. Prints and writes the ratio of the seconds that were
told to those that it took, one each repetition, and their median. The estimate's arithmetic is tested without a clock
in `tests/workflows/test_estimate.py`; a busy machine changes its pace within seconds, which no estimate can know.

`--small` trains once for two epochs, to see that everything runs.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
from measure import machine

from sasa_nas.files import write_text
from sasa_nas.models import model_architecture
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import TrainingFolder, TrainingSettings
from sasa_nas.space import Recipe
from sasa_nas.space.scaling import scaled
from sasa_nas.training.device import pick_device
from sasa_nas.workflows.estimate import estimate_training
from sasa_nas.workflows.full_share import Share
from sasa_nas.workflows.observer import TrainingObserver
from sasa_nas.workflows.train import train_network
from sasa_nas.workflows.training_jobs import planned_job

RESULTS = Path(__file__).parent / "results" / "estimates.json"
SHARE = Share(workers=0)


def recipes(epochs: int) -> dict[str, Recipe | FullRecipe]:
    """Return the recipes by name.

    Args:
        epochs: Epochs of each.
    """
    growing = {"progression": {"start": 16, "from_epoch": 0.0, "to_epoch": float(epochs), "multiple": 4}, "train": 32}
    full = {
        "epochs": epochs,
        "batch_size": 64,
        "optimizer": {"kind": "sgd", "learning_rate": 0.05},
        "augmentation": {"crop": {"kind": "random_resized"}},
        "sizes": growing | {"test": 32},
    }
    return {"proxy": Recipe(epochs=epochs, batch_size=64), "full": FullRecipe.model_validate(full)}


def ratio(recipe: Recipe | FullRecipe, device: str) -> float:
    """Return the estimated seconds of a training over those that it takes.

    Args:
        recipe: The recipe.
        device: Device as in `sasa-nas train --device`.
    """
    architecture = scaled(model_architecture("resnet18"), 0.25, 1.0)
    settings = TrainingSettings(dataset="digits", device=device, recipe=recipe)
    with tempfile.TemporaryDirectory() as place:
        folder = TrainingFolder(Path(place) / "training")
        job = planned_job(architecture, settings, "resnet18", SHARE, TrainingObserver())
        estimated = estimate_training(job, folder, settings).seconds
        begun = time.perf_counter()
        train_network(architecture, settings, name="resnet18", out=folder.path, share=SHARE, estimating=False)
        return estimated / (time.perf_counter() - begun)


def main() -> None:
    """Measure, print and write the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="trainings of each recipe")
    parser.add_argument("--epochs", type=int, default=12, help="epochs of each training")
    parser.add_argument("--device", default="auto", help="device to train on")
    parser.add_argument("--out", type=Path, default=RESULTS, help="file of the results")
    parser.add_argument("--small", action="store_true", help="train once for two epochs")
    arguments = parser.parse_args()
    repeats, epochs = (1, 2) if arguments.small else (arguments.repeats, arguments.epochs)
    found: dict[str, list[float]] = {}
    for name, recipe in recipes(epochs).items():
        found[name] = [round(ratio(recipe, arguments.device), 3) for _ in range(repeats)]
        print(f"{name}: told / taken {statistics.median(found[name])}, {found[name]}", flush=True)
    medians = {name: statistics.median(values) for name, values in found.items()}
    facts = {"epochs": epochs, "ratios": found, "medians": medians, "machine": machine(pick_device(arguments.device))}
    write_text(arguments.out, json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    # one thread, so that other work on the machine has a core of its own
    torch.set_num_threads(1)
    main()
