"""Small full trainings for tests: data in memory, and recipes shortened from presets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import Store  # type: ignore[attr-defined]

from sasa_nas.data.splits import DatasetInfo, Standardisation
from sasa_nas.recipes import FullRecipe
from sasa_nas.streaming.sources import ImageSource, MemorySource
from sasa_nas.streaming.splits import StreamedSplits
from sasa_nas.training.full.checkpoints import train_to_end
from sasa_nas.training.full.metrics import FullMetrics
from sasa_nas.training.full.ranks import Ranks, connected
from sasa_nas.training.full.trainer import FullTrainer
from sasa_nas.training.seeding import seeded

CPU = torch.device("cpu")
SIDE, CLASSES, IMAGES = 8, 3, 24

RECIPES: dict[str, dict[str, Any]] = {
    "sasa": {
        "optimizer": {"kind": "sgd", "learning_rate": 0.05, "weight_decay": 1e-4, "nesterov": True},
        "schedule": {"kind": "cosine", "warmup_epochs": 1.0},
        "loss": {"kind": "cross_entropy", "label_smoothing": 0.1},
        "average": {"decay": 0.9},
        "norm_decay": 0.99,
    },
    "rsb": {
        "optimizer": {"kind": "lamb", "learning_rate": 0.01, "weight_decay": 0.02},
        "schedule": {"kind": "cosine", "warmup_epochs": 1.0, "warmup_from": 0.0125, "by_epoch": True},
        "loss": {"kind": "binary_cross_entropy", "threshold": 0.2},
        "augmentation": {
            "rand_augment": {"magnitude": 6.0, "magnitude_std": 0.5, "increasing": True},
            "mixing": {"mixup": {"alpha": 0.1}, "cutmix": {"alpha": 1.0}},
            "repeats": 2,
        },
        "drop_path": 0.2,
    },
    "aa_cifar": {
        "optimizer": {"kind": "sgd", "learning_rate": 0.1, "weight_decay": 5e-4},
        "schedule": {"kind": "cosine", "warmup_epochs": 0.5},
        "augmentation": {"crop": {"kind": "shift", "padding": 2}, "erasing": {"probability": 0.5}},
        "clip_norm": 1.0,
    },
}
"""Recipes in the manner of presets: everything that draws random numbers or keeps a state is in one of them."""


def recipe(name: str, **changes: Any) -> FullRecipe:
    common = {"epochs": 3, "batch_size": 8, "micro_batch": 4, "precision": "fp64"}
    return FullRecipe.model_validate(RECIPES[name] | common | changes)


def network(seed: int = 0) -> nn.Module:
    """A network with batch normalisation, frozen, and dropout, whose masks need the seeds of a micro-batch."""
    with seeded(seed):
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, CLASSES),
        )


class Frozen(nn.Module):
    """A network whose batch normalisation stays in evaluation mode."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def train(self, mode: bool = True) -> "Frozen":
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.inner(images)
        return found


@dataclass(frozen=True)
class Case:
    """A training, as sent to other processes."""

    recipe: FullRecipe
    folder: Path
    seed: int = 5
    divided_for: int | None = None
    frozen: bool = True


def splits() -> StreamedSplits:
    """Random images with labels that their mean colour tells, the same at every call."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(IMAGES + 9) % CLASSES
    pixels = torch.randint(0, 160, (len(labels), 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    pixels[torch.arange(len(labels)), labels] += 90
    train, validation = (MemorySource(pixels[part], labels[part]) for part in (slice(IMAGES), slice(IMAGES, None)))
    info = DatasetInfo("toy", 3, SIDE, SIDE, CLASSES, flip=True, shift=2)
    scale = Standardisation(torch.full((3, 1, 1), 110.0), torch.full((3, 1, 1), 60.0))
    return StreamedSplits(info, train, validation, lambda: validation, scale)


def images_and_labels(source: ImageSource) -> tuple[Tensor, Tensor]:
    return torch.stack([source.read(i) for i in range(len(source))]), source.labels


def train_cases(ranks: Ranks, store: Store, cases: Sequence[Case], send: Callable[[Any], None]) -> None:
    """Train as one of several ranks, one case after the other, and send the weights; the work of `run_ranks`."""
    torch.set_num_threads(1)
    with connected(ranks, CPU, store):
        for case in cases:
            train_case(ranks, case, send)


def train_case(ranks: Ranks, case: Case, send: Callable[[Any], None]) -> None:
    """Train as one of several ranks, or alone."""

    def make() -> FullTrainer:
        return FullTrainer(
            Frozen(network()) if case.frozen else network(),
            splits(),
            case.recipe,
            seed=case.seed,
            device=CPU,
            ranks=ranks,
            divided_for=case.divided_for,
            check_every=1,
        )

    place = case.folder / f"{case.seed}.pt"
    weights = train_to_end(make, checkpoint=place, progress=Sent(send), ranks=ranks, every=0)
    if ranks.leads:
        send(("weights", {name: value.tolist() for name, value in weights.items()}))


class Sent:
    """Progress whose events are sent."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        self._send = send

    def started(self, history: Sequence[FullMetrics]) -> None:
        self._send(("started", len(history)))

    def restarted(self, reason: str) -> None:
        self._send(("restarted", reason))

    def advanced(self, history: Sequence[FullMetrics]) -> None:
        self._send(("advanced", (history[-1].train_loss, history[-1].accuracy)))

    def stepped(self, epoch: int, done: int, updates: int) -> None:
        """Send nothing: when it is called depends on the clock."""

    def regrouped(self, news: str) -> None:
        """Send nothing."""
