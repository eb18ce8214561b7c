"""Exports are models of timm: its own checks of a model's interface, on every operator and every block."""

import copy
import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from assertions import every
from detector_cases import small_detector, sure_network
from export_cases import architecture, changed_architectures, images, trained_like
from forked import run_forked
from torch import Tensor, nn

from sasa_nas.blocks import BLOCKS
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.folder import export_network
from sasa_nas.models import Network
from sasa_nas.operators import OPERATORS
from sasa_nas.space import overridden
from sasa_nas.testing.case import cases_of, network_of

timm = pytest.importorskip("timm")

NETWORKS = {
    **{kind: overridden(network_of(cases_of(kind)), ["image.channels=3"]) for kind in OPERATORS.kinds},
    # a stem of three convolutions; a head that changes the channels; a norm that ends the network
    "basic": architecture("local", "attention-plain", "basic"),
    "preactivation": changed_architectures()["padded-preactivation"],
    "inverted": architecture("augmented", "conv", "inverted"),
    "san": architecture("augmented", "conv", "san"),
}


def test_every_operator_and_block_is_there() -> None:
    assert {network.block for network in NETWORKS.values()} == set(BLOCKS)
    assert set(NETWORKS) >= set(OPERATORS.kinds)


@dataclass(frozen=True)
class Exported:
    """A network, its export's name for timm, and images."""

    network: Network
    folder: Path
    images: Tensor

    def model(self, **arguments: Any) -> Any:
        return timm.create_model(f"local-dir:{self.folder}", **arguments).eval()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the last map, by the sizes of its maps alone."""
        with torch.no_grad():
            *_, height, width = self.network.stages(self.network.stem(self.images)).shape
        return height, width


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """An export whose module is imported."""
    described = NETWORKS[request.param]
    network = trained_like(described)
    folder = tmp_path_factory.mktemp("nets") / f"net_{request.param.replace('-', '_')}"
    card = ModelCard(folder.name, mean=(51.0, 102.0, 153.0), std=(25.5,) * 3, class_names=tuple("abcde"))
    export_network(described, network.state_dict(), folder, card)
    sys.path.insert(0, str(folder.parent))
    try:
        importlib.import_module(folder.name)
    finally:
        sys.path.remove(str(folder.parent))
    yield Exported(network, folder, images(described, 3))
    for name in (folder.name, f"{folder.name}.model"):
        del sys.modules[name]


def equal(one: Tensor, two: Tensor) -> bool:
    return torch.allclose(one, two, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_folder_is_a_pretrained_model(exported: Exported) -> None:
    expected = exported.network(exported.images)
    assert equal(exported.model(pretrained=True)(exported.images), expected)
    assert not equal(exported.model()(exported.images), expected)
    by_name = timm.create_model(f"sasa_nas_{exported.network.architecture.id}", pretrained=True).eval()
    assert equal(by_name(exported.images), expected)


def test_its_configuration_is_true(exported: Exported) -> None:
    model, network = exported.model(pretrained=True), exported.network
    cfg = model.default_cfg
    assert cfg is model.pretrained_cfg
    assert tuple(cfg["input_size"]) == exported.images.shape[1:]
    assert tuple(cfg["pool_size"]) == exported.size
    assert cfg["num_classes"] == model.num_classes == 5
    assert cfg["label_names"] == list("abcde")
    state = model.state_dict()
    assert list(state) == list(network.state_dict())
    assert model.get_submodule(cfg["classifier"]) is model.get_classifier()
    first = [cfg["first_conv"]] if isinstance(cfg["first_conv"], str) else cfg["first_conv"]
    assert every(state[f"{name}.weight"].shape[1] == exported.images.shape[1] for name in first)
    data = timm.data.resolve_model_data_config(model)
    assert data["mean"] == pytest.approx([0.2, 0.4, 0.6])
    assert data["std"] == pytest.approx([0.1, 0.1, 0.1])
    assert data["crop_pct"] == 1.0
    # the module's own loader tells the same
    plain = sys.modules[f"{exported.folder.name}.model"].load()  # type: ignore[attr-defined]
    assert plain.default_cfg is plain.pretrained_cfg
    assert every(cfg[name] == value for name, value in plain.pretrained_cfg.items())


@torch.no_grad()
def test_the_classifier_can_be_replaced_and_removed(exported: Exported) -> None:
    model, x = exported.model(pretrained=True), exported.images
    features = model.forward_features(x)
    assert tuple(features.shape[2:]) == exported.size
    assert features.shape[1] == model.num_features
    pooled = model.forward_head(features, pre_logits=True)
    assert equal(pooled, features.mean((2, 3)))
    assert pooled.shape[1] == model.head_hidden_size
    assert equal(model.forward_head(features), model(x))
    model.reset_classifier(0)
    assert model.num_classes == 0
    assert equal(model(x), pooled)
    model.reset_classifier(0, "max")
    assert equal(model(x), features.amax((2, 3)))
    model.reset_classifier(0, "")
    assert equal(model(x), features)
    assert equal(exported.model(pretrained=True, num_classes=0, global_pool="")(x), features)
    model.reset_classifier(7, "avg")
    assert equal(model(x), nn.functional.linear(pooled, model.get_classifier().weight, model.get_classifier().bias))
    other = exported.model(pretrained=True, num_classes=10)
    assert other(x).shape == (3, 10)
    assert equal(other.forward_features(x), features)


@torch.no_grad()
def test_maps_are_those_that_the_stages_pass_on(exported: Exported) -> None:
    network, x = exported.network, exported.images
    seen: list[Tensor] = []
    hooks = [part.register_forward_hook(lambda *call: seen.append(call[-1].clone())) for part in network.stages]
    network(x)
    for hook in hooks:
        hook.remove()
    model = exported.model(pretrained=True)
    last, maps = model.forward_intermediates(x)
    assert equal(last, model.forward_features(x))
    assert len(maps) == len(seen) > 1
    assert every(equal(one, two) for one, two in zip(maps, seen, strict=True))
    *rest, normed = model.forward_intermediates(x, norm=True, intermediates_only=True)
    assert equal(normed, last)
    assert every(equal(one, two) for one, two in zip(rest, seen[:-1], strict=True))
    early, [first] = model.forward_intermediates(x, indices=[0], stop_early=True)
    assert equal(early, seen[0])
    assert equal(first, seen[0])
    for extractor in ("list", "getter", "hook"):
        model = exported.model(pretrained=True, features_only=True, feature_cls=extractor)
        assert every(equal(one, two) for one, two in zip(model(x), seen, strict=True))
    info = model.feature_info
    assert info.channels() == [found.shape[1] for found in seen]
    sizes = zip(info.reduction(), seen, strict=True)
    assert every(found.shape[2:] == tuple(-(-side // step) for side in x.shape[2:]) for step, found in sizes)
    [chosen] = exported.model(pretrained=True, features_only=True, out_indices=(-1,))(x)
    assert equal(chosen, seen[-1])


@torch.no_grad()
def test_layers_that_features_do_not_need_are_removed(exported: Exported) -> None:
    model, x = exported.model(pretrained=True), exported.images
    first, *_, last = model.forward_intermediates(x, intermediates_only=True)
    assert model.prune_intermediate_layers([-1], prune_norm=True) == [len(model.stages) - 1]
    assert equal(model(x), last)
    assert model.prune_intermediate_layers([0]) == [0]
    assert equal(model(x), first)
    assert model.num_features == first.shape[1]
    assert not any(name.startswith(("stages.1", "head", "classifier")) for name in model.state_dict())


def test_gradients_are_the_same_with_checkpoints(exported: Exported) -> None:
    plain = exported.model(pretrained=True).train()
    checkpointed = copy.deepcopy(plain)
    checkpointed.set_grad_checkpointing()
    for model in (plain, checkpointed):
        model(exported.images).square().sum().backward()
    for (name, one), two in zip(plain.named_parameters(), checkpointed.parameters(), strict=True):
        assert one.grad is not None, name
        assert torch.equal(one.grad, two.grad), name
    assert every(torch.equal(one, two) for one, two in zip(plain.buffers(), checkpointed.buffers(), strict=True))


def test_parameters_fall_into_groups_by_depth(exported: Exported) -> None:
    model = exported.model()
    groups = timm.models.group_parameters(model, model.group_matcher(), reverse=True)
    assert list(groups) == [name for name, _ in model.named_parameters()]
    assert list(groups.values()) == sorted(groups.values())
    blocks = sum(len(stage) for stage in model.stages)
    # the stem, each block, and the classifier; a head belongs to the last block
    assert max(groups.values()) == blocks + 1
    coarse = timm.models.group_parameters(model, model.group_matcher(coarse=True), reverse=True)
    assert max(coarse.values()) == len(model.stages) + 1
    assert model.no_weight_decay() == {name for name, _ in model.named_parameters() if ".rel_" in name}


@torch.no_grad()
def test_grey_images_are_read_by_summed_weights(exported: Exported) -> None:
    x = exported.images[:, :1]
    assert equal(exported.model(pretrained=True, in_chans=1)(x), exported.network(x.expand(-1, 3, -1, -1)))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_documentations_programs_run(tmp_path: Path) -> None:
    network = trained_like(NETWORKS["basic"])
    export_network(network.architecture, network.state_dict(), tmp_path / "exports" / "my_run", ModelCard("my_run"))
    weights = sure_network(small_detector()).state_dict()
    export_network(small_detector(), weights, tmp_path / "exports" / "my_detector", ModelCard("my_detector"))
    page = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
    programs = [part.partition("```")[0] for part in page.split("```python\n")[1:]]
    assert len(programs) == 3
    for program in programs:
        done = run_forked(["-c", program], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    # the stem's pool of three pixels, then a stride of two
    assert done.stdout == "[8, 16] [3, 6]\n"
