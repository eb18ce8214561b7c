"""Trainings that begin with trained weights, and keep some of them."""

import pytest
import torch
from assertions import every

from sasa_nas.data.splits import DatasetInfo, ImageSet
from sasa_nas.errors import UserError
from sasa_nas.models import build
from sasa_nas.space import Architecture
from sasa_nas.space.proxy import Recipe
from sasa_nas.space.scaling import changed
from sasa_nas.training.first_weights import FirstWeights, first_network, transferable
from sasa_nas.training.freezing import Frozen, freeze, set_training_mode
from sasa_nas.training.proxy import Trainer

ARCHITECTURE = Architecture.model_validate(
    {
        "stem": {"kind": "conv", "width": 4, "kernel_size": 3, "stride": 1, "pool": False},
        "stages": [
            {"blocks": 1, "width": 4, "stride": stride, "operator": {"kind": "conv", "kernel_size": 3}}
            for stride in (1, 2, 2)
        ],
        "image": {"channels": 3, "height": 16, "width": 16},
        "num_classes": 5,
    }
)


def images(count: int) -> ImageSet:
    generator = torch.Generator().manual_seed(count)
    return ImageSet(torch.randn(count, 3, 16, 16, generator=generator), torch.arange(count) % 5)


@pytest.mark.parametrize(("frozen", "kept"), [(0, ()), (1, ("stem", "stages.0")), ("backbone", ("stem", "stages"))])
def test_what_is_frozen_keeps_weights_and_statistics(frozen: Frozen, kept: tuple[str, ...]) -> None:
    network = first_network(ARCHITECTURE, FirstWeights(None, frozen), seed=1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    info = DatasetInfo("toy", 3, 16, 16, 5, flip=True, shift=1)
    recipe = Recipe(epochs=1, batch_size=10)
    trainer = Trainer(network, images(20), images(10), info, recipe, seed=0, device=torch.device("cpu"))
    list(trainer.epochs())
    after = trainer.model.state_dict()
    same = {name for name, value in before.items() if torch.equal(value, after[name])}
    expected = {name for name in before if kept and name.startswith(kept)}
    assert same == expected


def test_frozen_parts_stay_in_evaluation_mode() -> None:
    network = build(ARCHITECTURE)
    freeze(network, 1)
    set_training_mode(network)
    assert not network.stem.training
    assert every(not module.training for module in network.stages[0].modules())
    assert every(module.training for module in network.stages[1].modules())
    assert network.training


def test_more_stages_than_there_are_cannot_be_frozen() -> None:
    with pytest.raises(UserError, match="has 3 stages, and 4 cannot be frozen"):
        freeze(build(ARCHITECTURE), 4)


def test_all_but_a_classifier_of_other_classes_is_taken() -> None:
    weights = build(ARCHITECTURE).state_dict()
    others = changed(ARCHITECTURE, {"num_classes": 7})
    taken = transferable(others, weights)
    assert set(weights) - set(taken) == {"classifier.weight", "classifier.bias"}
    assert set(transferable(ARCHITECTURE, weights)) == set(weights)
    network = first_network(others, FirstWeights(taken), seed=3)
    assert every(torch.equal(network.state_dict()[name], value) for name, value in taken.items())
    assert network.classifier.weight.shape == (7, network.num_features)


def test_weights_of_another_network_are_refused_in_a_line() -> None:
    weights = build(ARCHITECTURE).state_dict()
    wider = changed(ARCHITECTURE, {"stem": changed(ARCHITECTURE.stem, {"width": 8})})
    with pytest.raises(UserError, match=r"is \(4, 4, 1, 1\) in the trained network and \(4, 8, 1, 1\) here"):
        transferable(wider, weights)
    with pytest.raises(UserError, match="is in one of both alone"):
        transferable(ARCHITECTURE, {name: value for name, value in weights.items() if "stages.2" not in name})
