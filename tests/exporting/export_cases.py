"""Small networks of every kind, put into a state as training leaves it."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from sasa_nas.blocks import BLOCKS
from sasa_nas.channel_attention import CHANNEL_ATTENTIONS
from sasa_nas.models import Network, build
from sasa_nas.space import Architecture, overridden

OPERATORS: dict[str, dict[str, Any]] = {
    "conv": {"kind": "conv"},
    "conv-5": {"kind": "conv", "kernel_size": 5},
    "local": {"kind": "local_attention", "kernel_size": 3, "num_heads": 2},
    "local-no-keys": {"kind": "local_attention", "kernel_size": 3, "num_heads": 2, "interactions": "relative"},
    "augmented": {"kind": "augmented_conv", "num_heads": 2, "value_ratio": 0.5, "min_key_dim": 2},
    "augmented-coord": {"kind": "augmented_conv", "num_heads": 2, "value_ratio": 1.0, "positions": "coordconv"},
    "augmented-sine": {
        **{"kind": "augmented_conv", "num_heads": 4, "value_ratio": 1.0, "min_key_dim": 2},
        **{"positions": "sine", "downsample": True},
    },
    "augmented-none": {"kind": "augmented_conv", "num_heads": 2, "value_ratio": 0.0},
    "pairwise": {"kind": "pairwise", "kernel_size": 3},
    "patchwise": {"kind": "patchwise", "kernel_size": 3, "share_channels": 4},
    "global": {"kind": "global_attention", "num_heads": 2},
}
STEMS: dict[str, dict[str, Any]] = {
    "conv": {"kind": "conv", "width": 8, "kernel_size": 3, "stride": 1, "pool": False},
    "conv-pool": {"kind": "conv", "width": 8},
    "attention": {"kind": "attention", "width": 8, "kernel_size": 2, "num_heads": 2, "pool": False},
    "attention-conv-values": {"kind": "attention", "width": 8, "kernel_size": 2, "values": "conv_values"},
    "attention-plain": {"kind": "attention", "width": 8, "kernel_size": 3, "values": "plain"},
}
CASES = [("augmented", "conv", block) for block in BLOCKS]
CASES += [("local", stem, "bottleneck") for stem in STEMS]

CHANGES: dict[str, tuple[str, list[str]]] = {
    "narrow": ("bottleneck", ["stages[*].expansion=2", "head_width=24"]),
    "padded": ("basic", ["shortcut=parameter_free", "stages[*].replaces=first"]),
    "padded-preactivation": ("preactivation", ["shortcut=parameter_free", "stem.activation=false", "head_width=24"]),
    "unexpanded": ("inverted", ["stages[0].operator={kind: conv, kernel_size: 1}", "stages[0].expansion=1"]),
    "deep": ("inverted", ["stages[*].depthwise_size=5", "stages[1].channel_attention={kind: se, reduction: 4}"]),
    **{kind: ("bottleneck", [f"stages[*].channel_attention={{kind: {kind}}}"]) for kind in CHANNEL_ATTENTIONS.kinds},
}
"""Blocks, and changes to the fields of an architecture of them."""


def architecture(operator: str = "conv", stem: str = "conv", block: str = "bottleneck") -> Architecture:
    """Two stages, for square images with one block type and for oblong ones with the other."""
    height, width = (8, 8) if block == "bottleneck" else (7, 12)
    stages = [
        {"blocks": 1, "width": 8, "operator": OPERATORS[operator]},
        {"blocks": 2, "width": 16, "stride": 2, "operator": OPERATORS[operator]},
    ]
    image = {"channels": 3, "height": height, "width": width}
    return Architecture.model_validate(
        {"block": block, "stem": STEMS[stem], "stages": stages, "image": image, "num_classes": 5}
    )


def changed_architectures() -> dict[str, Architecture]:
    """Networks with what `CHANGES` says."""
    return {name: overridden(architecture("local", block=block), changes) for name, (block, changes) in CHANGES.items()}


def mixed_architecture() -> Architecture:
    """One network with every kind of operator at once."""
    kinds = ("local", "augmented", "pairwise", "patchwise", "global", "conv")
    stages = [{"blocks": 1, "width": 8, "operator": OPERATORS[kind]} for kind in kinds]
    image = {"channels": 3, "height": 8, "width": 8}
    return Architecture.model_validate({"stem": STEMS["attention"], "stages": stages, "image": image, "num_classes": 5})


def trained_like(described: Architecture, *, seed: int = 0) -> Network:
    """A network in eval mode, no weight and no running statistic of which is as initialised."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    network = build(described).eval()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5, generator=generator)
            elif tensor.is_floating_point():
                tensor += 0.1 * torch.randn(tensor.shape, generator=generator)
            else:
                tensor.fill_(7)
    return network


def images(described: Architecture, batch: int) -> Tensor:
    """Random images of the size that the architecture is for."""
    image = described.image
    generator = torch.Generator().manual_seed(batch)
    return torch.randn(batch, image.channels, image.height, image.width, generator=generator)


def import_file(path: Path, name: str) -> ModuleType:
    """The module in `path`, without a trace in `sys.modules`."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written_architectures() -> dict[str, Architecture]:
    """One network with every attention over channels, and a smaller one; for oblong images.

    All operators are tried by their conformance suite.
    """
    kinds = ("conv", "patchwise", "conv", "conv", "conv")
    attentions = [{"kind": kind} for kind in CHANNEL_ATTENTIONS.kinds]
    return {
        "much": _stack("bottleneck", "attention", [OPERATORS[kind] for kind in kinds], attentions),
        "rest": _stack("basic", "attention-plain", [OPERATORS["augmented-coord"], OPERATORS["local-no-keys"]]),
    }


def varied_architectures() -> dict[str, Architecture]:
    """Few networks with every block and stem; the operators' options are tried by their conformance suite."""
    conv = OPERATORS["conv"]
    return {
        "basic": _stack(
            "basic",
            "conv",
            [OPERATORS[kind] for kind in ("local", "augmented-sine", "augmented-coord")],
            shortcut="parameter_free",
        ),
        "preactivation": _stack("preactivation", "conv", [OPERATORS["augmented"], conv]),
        "inverted": _stack("inverted", "conv-pool", [OPERATORS["conv-5"], conv], head_width=24),
        "san": _stack("san", "attention-conv-values", [OPERATORS["pairwise"], conv]),
        "tiny": Architecture.model_validate(
            {
                "stem": STEMS["conv"],
                "stages": [{"blocks": 1, "width": 8, "operator": OPERATORS["global"]}],
                "image": {"channels": 3, "height": 2, "width": 2},
                "num_classes": 5,
            }
        ),
    }


def _stack(
    block: str, stem: str, operators: list[Any], attentions: list[Any] | None = None, **fields: object
) -> Architecture:
    """A stage for each operator; the second halves the map, whose sides differ."""
    stages = [
        {"blocks": 1, "width": 16 if block == "san" or i > 0 else 8, "stride": 2 if i == 1 else 1, "operator": operator}
        for i, operator in enumerate(operators)
    ]
    for stage, attention in zip(stages, attentions or [], strict=False):
        stage["channel_attention"] = attention
    image = {"channels": 3, "height": 16, "width": 12}
    tree = {"block": block, "stem": STEMS[stem], "stages": stages, "image": image, "num_classes": 5, **fields}
    return Architecture.model_validate(tree)
