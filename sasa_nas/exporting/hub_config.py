"""`config.json` of an exported classifier, in the form that timm and the Hugging Face Hub read."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from sasa_nas.errors import UserError
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.names import CONFIG_FILE
from sasa_nas.models.plans import plan_network
from sasa_nas.space.architecture import Architecture
from sasa_nas.space.network import NetworkDescription
from sasa_nas.stems.building import build_stem


def timm_name(architecture: NetworkDescription) -> str:
    """Return the name under which an export registers its network with timm."""
    return f"sasa_nas_{architecture.id}"


def classifier_config(card: ModelCard, architecture: Architecture) -> dict[str, Any]:
    """Return the configuration.

    It expects images resized to cover the network's size, cropped at the centre, with pixels in [0, 1]. Where their
    standardisation is unknown, a mean of 0 and a deviation of 1 are written.

    Args:
        card: Facts about the weights and their images.
        architecture: The network.
    """
    channels = architecture.image.channels
    known = card.mean is not None and card.std is not None
    config = with_weights(_of_architecture(architecture), card)
    config["pretrained_cfg"] |= {
        "interpolation": card.interpolation,
        "crop_pct": card.crop,
        "crop_mode": "center",
        "mean": [value / card.pixel_max for value in card.mean or ()] if known else [0.0] * channels,
        "std": [value / card.pixel_max for value in card.std or ()] if known else [1.0] * channels,
    }
    if card.test_size is not None:
        config["pretrained_cfg"]["test_input_size"] = [channels, card.test_size, card.test_size]
    return config


def with_weights(facts: Mapping[str, Any], card: ModelCard) -> dict[str, Any]:
    """Return facts about a network and what is known of its weights: names of the classes, license.

    Args:
        facts: Facts about the network, with a dictionary `pretrained_cfg`.
        card: Facts about the weights.
    """
    config = {**facts, "pretrained_cfg": dict(facts["pretrained_cfg"])}
    if card.class_names is not None:
        config["label_names"] = list(card.class_names)
    if card.weights_license is not None:
        config["pretrained_cfg"]["license"] = card.weights_license
    return config


def check_config(content: bytes, architecture: Architecture) -> None:
    """Check that a configuration is one of an architecture's network.

    Args:
        content: The file's content.
        architecture: The network.

    Raises:
        UserError: If it is no JSON object, or describes another network.
    """
    require_facts(content, _of_architecture(architecture), architecture)


def require_facts(content: bytes, facts: Mapping[str, Any], network: NetworkDescription) -> None:
    """Check that a configuration has these facts about a network, among others.

    Args:
        content: The file's content.
        facts: Values by name; some are such dictionaries again.
        network: The network.

    Raises:
        UserError: If it is no JSON object, or has other facts.
    """
    nested = [name for name, value in facts.items() if isinstance(value, dict)]
    try:
        config = json.loads(content)
        found = {**config, **_flat({name: dict(config[name]) for name in nested})}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f"{CONFIG_FILE} is damaged; export again") from error
    for name, value in _flat(facts).items():
        if found.get(name) != value:
            raise UserError(
                f"{CONFIG_FILE} has another {name} than the network of architecture {network.id}; export again"
            )


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts with those of dictionaries among them, such as `pretrained_cfg.num_classes`, at one level."""
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        flat |= {f"{name}.{inner}": one for inner, one in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _of_architecture(architecture: Architecture) -> dict[str, Any]:
    """Return the part of a configuration that follows from the architecture."""
    last, image = plan_network(architecture).last, architecture.image
    return {
        "architecture": timm_name(architecture),
        "num_classes": architecture.num_classes,
        "num_features": last.out_channels,
        "global_pool": "avg",
        "pretrained_cfg": {
            "num_classes": architecture.num_classes,
            "input_size": [image.channels, image.height, image.width],
            "pool_size": list(last.out_size),
            "first_conv": _first_conv(architecture),
            "classifier": "classifier",
        },
    }


def _first_conv(architecture: Architecture) -> str | list[str] | None:
    """Return the names of the convolutions that read the image; None if other weights depend on its channels as well.

    These are the weights whose shapes change with the number of channels.
    """
    channels = architecture.image.channels
    with torch.device("meta"):
        stem, wider = (build_stem(architecture.stem, channels + more) for more in (0, 1))
    shapes = {name: tensor.shape for name, tensor in wider.state_dict().items()}
    changed = [name for name, tensor in stem.state_dict().items() if tensor.shape != shapes[name]]
    convolutions = {f"{name}.weight" for name, part in stem.named_modules() if isinstance(part, nn.Conv2d)}
    if not changed or not convolutions.issuperset(changed):
        return None
    names = [f"stem.{name.removesuffix('.weight')}" for name in changed]
    return names[0] if len(names) == 1 else names
