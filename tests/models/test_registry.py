"""Named networks against the counts that their papers and other implementations give."""

import pytest
import torch
import torchvision
from learning import assert_learns
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from sasa_nas.errors import UserError
from sasa_nas.models import build, list_models, model_architecture
from sasa_nas.space import Architecture, overridden
from sasa_nas.space.scaling import scaled

# Of each paper's own table or released code, to the last parameter.
PARAMETERS = {
    "resnet26": 13_696_552,
    "resnet50": 25_557_032,
    "sasa_resnet26": 10_331_264,
    "sasa_resnet50": 18_015_504,
    "sasa_full_resnet50": 18_007_440,
    "aa_resnet50": 25_809_392,
    "wrn_28_10": 36_278_324,
    "aa_mnasnet_100": 4_061_364,
    "se_resnet50": 28_088_024,
    "san10_pairwise": 10_531_848,
    "san10_patchwise": 11_841_124,
}

# As the papers round them, in millions.
MILLIONS = {
    "sasa_resnet38": 14.1,
    "sasa_full_resnet26": 10.3,
    "sasa_full_resnet38": 14.1,
    "aa_resnet34": 20.7,
    "aa_resnet101": 45.4,
    "aa_resnet152": 61.6,
    "se_resnet101": 49.3,
    "se_resnet152": 66.8,
    "bam_resnet50": 25.9,
    "cbam_resnet50": 28.1,
    "ge_resnet50": 25.6,
    "gala_resnet50": 29.4,
    "mnasnet_075": 2.91,
    "mnasnet_100": 3.887,
    "mnasnet_125": 5.26,
    "mnasnet_140": 6.10,
    "aa_mnasnet_075": 3.02,
    "aa_mnasnet_125": 5.53,
    "aa_mnasnet_140": 6.44,
    "san15_pairwise": 14.1,
    "san15_patchwise": 16.2,
    "san19_pairwise": 17.6,
    "san19_patchwise": 20.5,
}


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def on_meta(architecture: Architecture) -> nn.Module:
    with torch.device("meta"):
        return build(architecture)


@pytest.mark.parametrize(("name", "expected"), PARAMETERS.items())
def test_parameters_are_those_published(name: str, expected: int) -> None:
    assert parameters(on_meta(model_architecture(name))) == expected


@pytest.mark.parametrize(("name", "expected"), MILLIONS.items())
def test_parameters_agree_with_the_rounded_tables(name: str, expected: float) -> None:
    digits = 0.1 if expected >= 10 else 0.01
    assert parameters(on_meta(model_architecture(name))) / 1e6 == pytest.approx(expected, abs=digits)


@pytest.mark.parametrize(("values", "expected"), [("plain", 1_472 - 3 * 192 - 192), ("conv_values", 1_472 + 11 * 192)])
def test_parameters_of_the_stems_variants(values: str, expected: int) -> None:
    """A plain stem has one value matrix of 3 x 64, a convolution sixteen; mixtures have four and 12 x 16 embeddings."""
    base = model_architecture("sasa_full_resnet50")
    changed = overridden(base, [f"stem.values={values}"])
    assert parameters(on_meta(changed)) - parameters(on_meta(base)) == expected - 1_472


def test_parameters_of_the_wider_augmentation() -> None:
    """AA's ResNet-50 with kappa = upsilon = 0.25 (Bello et al. 2019, Table 5)."""
    base = model_architecture("aa_resnet50")
    wider = [f"stages[{i}].operator.{ratio}=0.25" for i in (1, 2, 3) for ratio in ("key_ratio", "value_ratio")]
    assert parameters(on_meta(overridden(base, wider))) == 24_303_728


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
    is_cifar = "wrn" in name
    side = 32 if is_cifar else 224
    assert architecture.image.model_dump() == {"channels": 3, "height": side, "width": side}
    assert architecture.num_classes == (100 if is_cifar else 1000)
    assert parameters(on_meta(architecture)) > 1_000_000


@pytest.mark.parametrize("size", [(48, 48), (40, 72)], ids=["square", "oblong"])
@pytest.mark.parametrize("name", list_models())
def test_every_named_network_learns_at_a_reduced_size(name: str, size: tuple[int, int]) -> None:
    small = scaled(model_architecture(name), 0.25, 0.01)
    # whole-map attention without a downsampling stem: a quarter of the pixels
    height, width = (side // 2 for side in size) if "wrn" in name else size
    assert_learns(overridden(small, [f"image.height={height}", f"image.width={width}", "num_classes=5"]))


def test_named_networks_are_all_different() -> None:
    assert len({model_architecture(name).id for name in list_models()}) == len(list_models())
    assert list_models() == sorted(list_models())
    assert set(PARAMETERS) | set(MILLIONS) <= set(list_models())


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


def test_basic_blocks_are_augmented_in_their_first_convolution_alone() -> None:
    assert [stage.replaces for stage in model_architecture("aa_resnet34").stages] == ["all", *["first"] * 3]
    assert [stage.replaces for stage in model_architecture("aa_wrn_28_10").stages] == ["first"] * 3


def test_augmented_mnasnets_change_the_last_thirteen_blocks() -> None:
    stages = model_architecture("aa_mnasnet_100").stages
    assert sum(stage.blocks for stage in stages if stage.operator.kind == "augmented_conv") == 13
    assert sum(stage.blocks for stage in stages) == 16


def test_bam_stands_after_all_stages_but_the_last() -> None:
    attentions = [stage.channel_attention for stage in model_architecture("bam_resnet50").stages]
    assert [attention is not None for attention in attentions] == [True, True, True, False]


def test_an_unknown_name_brings_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'sasa_resent50': did you mean 'sasa_resnet50'\? `sasa-nas list models`"):
        model_architecture("sasa_resent50")
    with pytest.raises(UserError, match="no network is called 'zzz': `sasa-nas"):
        model_architecture("zzz")
