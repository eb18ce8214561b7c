"""Spaces and data small enough for supernets in unit tests."""

from typing import Any

import torch

from sasa_nas.data.splits import DatasetInfo, ImageSet, SearchSplits, Standardisation
from sasa_nas.space import Image, SearchSpace
from sasa_nas.supernet.cover import Proxies

CONV = {"kind": "conv"}
POINT = {"kind": "conv", "kernel_size": 1}
LOCAL = {"kind": "local_attention", "kernel_size": 3, "num_heads": 2}
INFO = DatasetInfo("toy", channels=1, height=6, width=6, num_classes=3, flip=False, shift=1)


def toy_space(*operators: list[Any], stage: dict[str, Any] | None = None, **changes: Any) -> SearchSpace:
    """A space with a stage for each list of operators; `stage` are further fields of all, `changes` of the space."""
    stages = [
        {"blocks": 1, "width": 8, "expansion": 2, "operator": {"choice": choice}, **(stage or {})}
        for choice in operators or ([CONV, LOCAL], [CONV, LOCAL])
    ]
    recipe = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01, "augment": True}
    tree: dict[str, Any] = {
        "name": "toy",
        "block": "bottleneck",
        "stem": {"kind": "conv", "width": 8, "kernel_size": 3, "stride": 1, "pool": False},
        "stages": stages,
        "proxy": {"recipe": recipe},
    }
    return SearchSpace.model_validate(tree | changes)


def toy_proxies(*operators: list[Any], **options: Any) -> Proxies:
    return Proxies(toy_space(*operators, **options), Image(channels=1, height=6, width=6), 3)


def images(count: int, seed: int) -> ImageSet:
    """Noise with a bar, whose direction and thickness are the class; its place says nothing."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    found = 0.3 * torch.randn(count, 1, 6, 6, generator=generator)
    places = torch.randint(0, 5, (count,), generator=generator)
    for i, (label, place) in enumerate(zip(labels.tolist(), places.tolist(), strict=True)):
        if label == 0:
            found[i, 0, place] += 1.0
        elif label == 1:
            found[i, 0, :, place] += 1.0
        else:
            found[i, 0, place : place + 2, :3] += 1.0
    return ImageSet(found, labels)


def toy_splits(count: int = 48) -> SearchSplits:
    one = torch.ones(1, 1, 1)
    return SearchSplits(INFO, images(count, 0), images(30, 1), Standardisation(0.0 * one, one))
