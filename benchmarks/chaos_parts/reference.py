"""Results of undisturbed runs, which those of disturbed ones are compared with."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch

from sasa_nas.data.download import default_data_dir
from sasa_nas.data.registry import load_for_search
from sasa_nas.models import build
from sasa_nas.run import Arm, Outcome, SearchSettings
from sasa_nas.searching.driver.logging_setup import configure_logging
from sasa_nas.searching.observer import SearchObserver
from sasa_nas.searching.plan import SearchPlan, plan_search
from sasa_nas.searching.propose.proposer import Proposer
from sasa_nas.searching.propose.study import SearchStudy
from sasa_nas.space import Architecture, load_space
from sasa_nas.training.device import pick_device
from sasa_nas.training.proxy import Trainer
from sasa_nas.training.seeding import seeded

configure_logging()

Design = tuple[str, int, str]
"""The id of a network, the seed of its training, and why it was trained."""


def search_plan(space: Path, settings: dict[str, Any]) -> SearchPlan:
    """Return the plan of a round's search."""
    names = {name: settings[name] for name in ("trials", "seed", "halving")}
    return plan_search(load_space(str(space)), SearchSettings(workers=2, **names))


def designs(plan: SearchPlan) -> list[Design]:
    """Return the trainings of an undisturbed search that is over before its sampler learns, in their order."""
    proposer = Proposer(SearchStudy(plan), plan, SearchObserver())
    found = []
    while (proposal := proposer.propose()) is not None:
        request = proposal.request
        found.append((proposal.design.architecture.id, request.seed, str(request.arm)))
        ended = Outcome.TRAINED if request.arm is not Arm.SEARCH else Outcome.STOPPED
        proposer.finish(proposal.record(ended).model_copy(update={"accuracy": 0.5, "epochs": 1}))
    return found


@cache
def accuracies(architecture: str, seed: int, epochs: int, space: Path) -> tuple[float, ...]:
    """Return a network's accuracy after each epoch of a training that nothing disturbs.

    Args:
        architecture: As JSON.
        seed: Of the training.
        epochs: Of the whole training.
        space: The search space's file, whose recipe it is.
    """
    torch.set_num_threads(1)
    proxy = load_space(str(space)).proxy
    recipe = proxy.recipe.model_copy(update={"epochs": epochs})
    splits = load_for_search(
        proxy.dataset, data_dir=default_data_dir(), image_size=proxy.image_size, train_images=proxy.train_images
    )
    with seeded(seed):
        network = build(Architecture.model_validate(json.loads(architecture)))
    device = pick_device("cpu")
    trainer = Trainer(network, splits.train, splits.validation, splits.info, recipe, seed=seed, device=device)
    return tuple(epoch.accuracy for epoch in trainer.epochs())
