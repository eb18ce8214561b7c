"""Spaces small enough for unit tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from sasa_nas.space import Image, SearchSpace
from sasa_nas.supernet.cover import Proxies

MakeProxies = Callable[..., Proxies]

CONV = {"kind": "conv"}
LOCAL = {"kind": "local_attention", "kernel_size": 3, "num_heads": 2}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small spend their time on waking threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def make_proxies() -> MakeProxies:
    """Makes the networks of a space of two stages, for images of 6x6 pixels and 3 classes; `changes` are fields."""

    def make(*operators: list[Any], stage: dict[str, Any] | None = None, **changes: Any) -> Proxies:
        offered = operators or ([CONV, LOCAL], [CONV, LOCAL])
        stages = [
            {"blocks": 1, "width": 8, "expansion": 2, "operator": {"choice": choice}, **(stage or {})}
            for choice in offered
        ]
        tree: dict[str, Any] = {
            "name": "toy",
            "block": "bottleneck",
            "stem": {"kind": "conv", "width": 8, "kernel_size": 3, "stride": 1, "pool": False},
            "stages": stages,
            "proxy": {"recipe": {"epochs": 2, "batch_size": 8, "learning_rate": 0.01, "augment": False}},
        }
        space = SearchSpace.model_validate(tree | changes)
        return Proxies(space, Image(channels=1, height=6, width=6), 3)

    return make
