"""Source of the single-file module of an exported classifier."""

import torch

from sasa_nas._version import __version__
from sasa_nas.exporting.constructor import describe, layout
from sasa_nas.exporting.hub_config import timm_name
from sasa_nas.exporting.module_text import comment, from_import, module_text
from sasa_nas.exporting.names import CONFIG_FILE, WEIGHTS_FILE
from sasa_nas.exporting.sources import Import
from sasa_nas.layers.resnet import ResNet
from sasa_nas.models.builder import build
from sasa_nas.space.architecture import Architecture

_HEADER = """\
# {title}
#
# Made by sasa-nas {version} from the architecture {id}. SPDX-License-Identifier: Apache-2.0
# This file needs torch alone. `load()` builds the network and reads {weights} beside this file.

\"\"\"A residual network for images of {channels} x {height} x {width}, with {classes} classes.\"\"\"
"""

_BUILD = """\
def build(num_classes: int = {classes}, in_chans: int = {channels}, global_pool: str = "avg") -> ResNet:
    \"\"\"The network of architecture {id}, freshly initialised from torch's random state.

    Args:
        num_classes: Width of the logits; 0 for no classifier.
        in_chans: Channels of the images.
        global_pool: Pooling before the classifier: avg, max or, without a classifier, an empty text.
    \"\"\"
    return {call}


def load(weights: str | Path | None = None) -> ResNet:
    \"\"\"The trained network, in evaluation mode, on the CPU.

    Args:
        weights: A safetensors file; default: {weights} beside this file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is damaged.
        RuntimeError: If its weights are those of another network.
    \"\"\"
    path = Path(__file__).with_name("{weights}") if weights is None else Path(weights)
    model = build()
    model.load_state_dict(read_safetensors(path))
    model.pretrained_cfg = model.default_cfg = pretrained_cfg()
    return model.eval()


def pretrained_cfg() -> dict[str, Any]:
    \"\"\"Facts about the weights and their images, from {config} beside this file; none without it.\"\"\"
    path = Path(__file__).with_name("{config}")
    if not path.is_file():
        return {{}}
    config = json.loads(path.read_text(encoding="utf-8"))
    names = {{"label_names": config["label_names"]}} if "label_names" in config else {{}}
    return {{**config["pretrained_cfg"], **names}}


# Where timm is installed, importing this file registers the network: timm.create_model("local-dir:FOLDER") builds it.
# timm finds the module of a registered function in sys.modules.
if __name__ in sys.modules:
    try:
        {timm}
    except ImportError:
        pass
    else:
        default_cfgs = generate_default_cfgs(
            {{"{name}": {{**pretrained_cfg(), "file": str(Path(__file__).with_name("{weights}"))}}}}
        )

        @register_model
        def {name}(pretrained: bool = False, **kwargs: Any) -> nn.Module:
            \"\"\"The network as timm builds it; with `features_only`, its stages.\"\"\"
            features = {{"out_indices": tuple(range({stages})), "flatten_sequential": True}}
            return build_model_with_cfg(build, "{name}", pretrained, feature_cfg=features, **kwargs)
"""

_TIMM = ("build_model_with_cfg", "generate_default_cfgs", "register_model")
"""Functions of timm that a module uses."""

_VARIABLES = {
    "num_classes": "num_classes",
    "in_chans": "in_chans",
    "global_pool": "global_pool",
    "stem.in_channels": "in_chans",
}
"""Arguments of `build`, by the parameters that they are passed to."""


def model_source(architecture: Architecture, *, title: str) -> str:
    """Return the source of a module that builds and loads one network with torch alone.

    Its public names are `build`, `load`, `pretrained_cfg` and `ResNet`. Where timm is installed, importing it registers
    the network under `timm_name(architecture)`.

    Args:
        architecture: The network.
        title: One line for the top of the file; line breaks in it become spaces.

    Raises:
        ValueError: If a layer of the network cannot be carried over.
    """
    classes: set[type[torch.nn.Module]] = {ResNet}
    with torch.device("meta"):
        call = layout(describe(build(architecture), classes, _VARIABLES), indent=4, prefix=len("return "))
    name = timm_name(architecture)
    image = architecture.image
    header = _HEADER.format(
        title=comment(title),
        version=__version__,
        id=architecture.id,
        weights=WEIGHTS_FILE,
        channels=image.channels,
        height=image.height,
        width=image.width,
        classes=architecture.num_classes,
    )
    tail = _BUILD.format(
        id=architecture.id,
        name=name,
        call=call,
        classes=architecture.num_classes,
        channels=image.channels,
        stages=len(architecture.stages),
        weights=WEIGHTS_FILE,
        config=CONFIG_FILE,
        timm=from_import("timm.models", _TIMM, indent=8),
    )
    return module_text(
        classes,
        header=header,
        footer=tail,
        imports=(
            Import("json", None, "json"),
            Import("pathlib", "Path", "Path"),
            Import("sys", None, "sys"),
            Import("torch", "nn", "nn"),
            Import("typing", "Any", "Any"),
        ),
        own_names={"build", "load", "pretrained_cfg", "default_cfgs", name},
    )
