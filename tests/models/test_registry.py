"""Named networks against the counts that their papers and other implementations give."""

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from sasa_nas.errors import UserError
from sasa_nas.models import build, list_models, model_architecture
from sasa_nas.space import Architecture
from sasa_nas.space.operators import AugmentedConv

PARAMETERS = {
    "resnet26": 13_696_552,
    "resnet50": 25_557_032,
    "sasa_resnet26": 10_331_264,
    "sasa_resnet50": 18_015_504,
    "sasa_full_resnet50": 18_007_440,
    "aa_resnet50": 25_809_392,
}


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def on_meta(architecture: Architecture) -> nn.Module:
    with torch.device("meta"):
        return build(architecture)


@pytest.mark.parametrize(("name", "expected"), PARAMETERS.items())
def test_parameters_are_those_published(name: str, expected: int) -> None:
    assert parameters(on_meta(model_architecture(name))) == expected


def test_parameters_of_the_wider_augmentation() -> None:
    """AA's ResNet-50 with kappa = upsilon = 0.25 (Bello et al. 2019, Table 5)."""
    base = model_architecture("aa_resnet50")
    stages = [
        stage.model_copy(
            update={"operator": stage.operator.model_copy(update={"key_ratio": 0.25, "value_ratio": 0.25})}
        )
        if isinstance(stage.operator, AugmentedConv)
        else stage
        for stage in base.stages
    ]
    assert parameters(on_meta(base.model_copy(update={"stages": tuple(stages)}))) == 24_303_728


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_resnets_have_torchvisions_parameters(depth: int) -> None:
    with torch.device("meta"):
        theirs = getattr(torchvision.models, f"resnet{depth}")()
    ours = on_meta(model_architecture(f"resnet{depth}"))
    assert parameters(ours) == parameters(theirs)
    assert sorted(p.shape for p in ours.parameters()) == sorted(p.shape for p in theirs.parameters())


@pytest.mark.parametrize(("name", "block"), [("resnet18", BasicBlock), ("resnet50", Bottleneck)])
def test_shallow_resnets_have_torchvisions_logits(name: str, block: type[BasicBlock] | type[Bottleneck]) -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.ResNet(block, [2, 1, 1, 1], num_classes=10).eval()
    with torch.no_grad():
        for tensor in theirs.state_dict().values():
            if tensor.dim() == 1:
                # norms that do nothing would hide one that stands in the wrong place
                tensor.uniform_(0.5, 1.0)
    base = model_architecture(name)
    stages = tuple(stage.model_copy(update={"blocks": n}) for stage, n in zip(base.stages, (2, 1, 1, 1), strict=True))
    ours = build(base.model_copy(update={"stages": stages, "num_classes": 10})).eval()
    # both in the order of the forward pass, the shortcut last in a block
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", list_models())
def test_every_named_network_builds(name: str) -> None:
    architecture = model_architecture(name)
    assert architecture.image.model_dump() == {"channels": 3, "height": 224, "width": 224}
    assert architecture.num_classes == 1000
    assert parameters(on_meta(architecture)) > 1_000_000


def test_named_networks_are_all_different() -> None:
    assert len({model_architecture(name).id for name in list_models()}) == len(list_models())
    assert list_models() == sorted(list_models())
    assert set(PARAMETERS) <= set(list_models())


def test_depths_of_the_papers() -> None:
    def blocks(name: str) -> list[int]:
        return [stage.blocks for stage in model_architecture(name).stages]

    assert blocks("resnet26") == blocks("sasa_resnet26") == [1, 2, 4, 1]
    assert blocks("resnet38") == blocks("sasa_full_resnet38") == [2, 3, 5, 2]
    assert blocks("resnet101") == blocks("aa_resnet101") == [3, 4, 23, 3]


def test_augmented_resnets_downsample_in_the_first_augmented_stage_alone() -> None:
    operators = [stage.operator for stage in model_architecture("aa_resnet50").stages]
    assert [operator.kind for operator in operators] == ["conv", *["augmented_conv"] * 3]
    assert [getattr(operator, "downsample", None) for operator in operators] == [None, True, False, False]


def test_an_unknown_name_brings_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'sasa_resent50': did you mean 'sasa_resnet50'\? `sasa-nas list models`"):
        model_architecture("sasa_resent50")
    with pytest.raises(UserError, match="no network is called 'zzz': `sasa-nas"):
        model_architecture("zzz")
