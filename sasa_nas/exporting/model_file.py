"""Source of the single-file module of an exported network."""

import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import torch

from sasa_nas._version import __version__
from sasa_nas.exporting.bundle import Bundle, Section, bundle
from sasa_nas.exporting.card import plain_line
from sasa_nas.exporting.constructor import describe, layout
from sasa_nas.exporting.hub_config import timm_name
from sasa_nas.exporting.names import CONFIG_FILE, WEIGHTS_FILE
from sasa_nas.exporting.own_layers import own_layers
from sasa_nas.exporting.sources import Import, Sources
from sasa_nas.layers.resnet import ResNet
from sasa_nas.models.builder import build
from sasa_nas.space.architecture import Architecture

_IMPORT_LENGTH = 88
"""Most columns of an import, the default of common formatters."""

_HEADER = """\
# {title}
#
# Made by sasa-nas {version} from the architecture {id}. SPDX-License-Identifier: Apache-2.0
# This file needs torch alone. `load()` builds the network and reads {weights} beside this file.

\"\"\"A residual network for images of {channels} x {height} x {width}, with {classes} classes.\"\"\"
"""

_OPERATORS = """\
# What stands above is plain PyTorch and all that this network needs. Where sasa-nas is installed, its
# kernels compute the same functions faster and take over.
try:
    {statement}
except ImportError:
    pass
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
    roots = [("sasa_nas.exporting.safetensors_reader", "read_safetensors")]
    roots += sorted((owner.__module__, owner.__name__) for owner in classes)
    files = {layer.__module__: file for layer, file in own_layers().items()}
    found = bundle(roots, Sources("sasa_nas", Path(__file__).parents[1], files))
    name = timm_name(architecture)
    clashing = found.names & {"build", "load", "pretrained_cfg", "default_cfgs", name}
    if clashing:
        raise ValueError(f"the layers define {', '.join(sorted(clashing))}, names that the file keeps for itself")
    imports = found.imports | {
        Import("json", None, "json"),
        Import("pathlib", "Path", "Path"),
        Import("sys", None, "sys"),
        Import("torch", "nn", "nn"),
        Import("typing", "Any", "Any"),
    }
    image = architecture.image
    header = _HEADER.format(
        title=_comment(title),
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
        timm=_from_import("timm.models", _TIMM, indent=8),
    )
    first, *others = _sections(found)
    # One blank line before the comment that heads the first section, as import sorters want it.
    return "\n\n".join([f"{header}\n{import_block(imports)}\n{first}", *others, tail])


def _comment(text: str) -> str:
    """Return text that is safe in a file's first line, where `coding:` would set the file's encoding (PEP 263).

    In the encoding `unicode_escape`, for instance, the characters of a line break's escape end a comment.
    """
    return re.sub("coding(?=[:=])", "coding ", plain_line(text))


def import_block(imports: Iterable[Import]) -> str:
    """Return import statements in isort's order: the standard library, then torch.

    Args:
        imports: The imports, each bound name once.
    """
    groups = [
        [i for i in imports if (i.module.partition(".")[0] == "torch") is torch_too] for torch_too in (False, True)
    ]
    return "\n".join(_import_group(group) for group in groups if group)


def _import_group(imports: Iterable[Import]) -> str:
    whole = sorted((i for i in imports if i.name is None), key=lambda i: i.module)
    lines = [f"import {i.module}" + (f" as {i.bound}" if i.bound != i.module else "") for i in whole]
    parts = sorted((i for i in imports if i.name is not None), key=lambda i: i.module)
    for module, names in groupby(parts, key=lambda i: i.module):
        plain: list[Import] = []
        renamed: list[Import] = []
        for item in names:
            (plain if item.name == item.bound else renamed).append(item)
        # isort gives every renamed import a statement of its own.
        lines += [f"from {module} import {i.name} as {i.bound}" for i in sorted(renamed, key=lambda i: i.bound)]
        if plain:
            lines.append(_from_import(module, [i.bound for i in plain]))
    return "".join(f"{line}\n" for line in lines)


def _from_import(module: str, names: Iterable[str], *, indent: int = 0) -> str:
    ordered = sorted(names, key=_isort_key)
    line = f"from {module} import {', '.join(ordered)}"
    if indent + len(line) <= _IMPORT_LENGTH:
        return line
    inner = " " * (indent + 4)
    return f"from {module} import (\n" + "".join(f"{inner}{name},\n" for name in ordered) + " " * indent + ")"


def _isort_key(name: str) -> tuple[int, str]:
    """Return a sort key: constants, then classes, then functions."""
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1 if name[0].isupper() else 2), name


def _sections(found: Bundle) -> list[str]:
    operators = [_section(section) for section in found.sections if section.is_operator]
    layers = [_section(section) for section in found.sections if not section.is_operator]
    if found.operators:
        statement = _from_import("sasa_nas.ops", found.operators, indent=4)
        operators.append(_OPERATORS.format(statement=statement))
    return operators + layers


def _section(section: Section) -> str:
    path = section.module.replace(".", "/")
    heading = f"# --- {path}.py\n# {section.title}"
    return f"{heading}\n\n\n" + "\n\n\n".join(definition.text for definition in section.definitions) + "\n"
