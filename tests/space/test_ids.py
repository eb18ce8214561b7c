"""Ids of designs stay what they were: records of older versions are found by them."""

import hashlib
import json
import random
from pathlib import Path

import pytest

from sasa_nas.models import list_models, model_architecture
from sasa_nas.space import Infeasible, load_space, shipped_spaces
from sasa_nas.space.choosers import RandomChooser
from sasa_nas.space.sampling import Walker

KNOWN = json.loads((Path(__file__).parent / "ids.json").read_text(encoding="utf-8"))
"""As version 0.1 gave them, before operators were found in a registry: of networks by name, and of 60 draws of
each space the first half of a SHA-256."""
DRAWS = 60


def drawn_ids(name: str) -> str:
    walker, chooser = Walker(load_space(name)), RandomChooser(random.Random(0))
    ids = []
    for _ in range(DRAWS):
        try:
            ids.append(walker.sample(chooser).id)
        except Infeasible:
            ids.append("infeasible")
    return hashlib.sha256(" ".join(ids).encode()).hexdigest()[:16]


def test_named_networks_keep_their_ids() -> None:
    assert {name: model_architecture(name).id for name in list_models() if name in KNOWN["networks"]} == KNOWN[
        "networks"
    ]


@pytest.mark.parametrize("name", sorted(KNOWN["spaces"]))
def test_draws_of_shipped_spaces_keep_their_ids(name: str) -> None:
    assert drawn_ids(name) == KNOWN["spaces"][name]


def test_no_shipped_space_was_forgotten() -> None:
    assert set(KNOWN["spaces"]) == set(shipped_spaces())
