"""The model card: what an exported network is, what it can do, and how to use it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import sasa_nas
from sasa_nas.cost.network import count_network
from sasa_nas.space.architecture import Architecture


@dataclass(frozen=True)
class ModelCard:
    """What is known of a trained network beyond its architecture; None where it is not known.

    Attributes:
        name: What the network is called.
        dataset: What it was trained on.
        accuracy: Share of the validation images that it classifies rightly, in [0, 1].
        epochs: Epochs trained.
        mean: Per channel, what was subtracted from the pixels, in the data set's own unit.
        std: Per channel, what they were divided by afterwards.
        class_names: Names of the classes, in the order of the logits.
        training_command: The command line that trained it.
        export_command: The command line that wrote the export.
        versions: Package name to version, of what it was trained with.
        weights_license: The license of the weights, where there is one.
    """

    name: str
    dataset: str | None = None
    accuracy: float | None = None
    epochs: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    class_names: tuple[str, ...] | None = None
    training_command: str | None = None
    export_command: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    weights_license: str | None = None


_CARD = """\
# {name}

A residual network, exported from sasa-nas {version}. `model.py` holds it whole and needs torch alone;
`weights.safetensors` holds what it learnt, `architecture.json` its description.

## Use

```python
import torch
from model import load

network = load()
images = torch.rand(1, {channels}, {height}, {width})
with torch.no_grad():
    label = network(images).argmax(dim=1)
print(label)
```

Run it in this folder, or rename the folder to a Python identifier and `from that_name import load` beside it.
{preprocessing}

## Facts

| | |
|---|---|
{facts}
{commands}
## License

The code in this folder comes from sasa-nas and is yours to use, change and pass on under the Apache License 2.0.
{weights_license}
"""


def render_card(card: ModelCard, architecture: Architecture) -> str:
    """The card as Markdown; parameters and operations are counted from `architecture`."""
    image = architecture.image
    return _CARD.format(
        name=plain_line(card.name),
        version=sasa_nas.__version__,
        channels=image.channels,
        height=image.height,
        width=image.width,
        preprocessing=_preprocessing(card),
        facts="\n".join(f"| {name} | {_cell(value)} |" for name, value in _facts(card, architecture)),
        commands=_commands(card),
        weights_license=_weights_license(card),
    )


def _facts(card: ModelCard, architecture: Architecture) -> list[tuple[str, str]]:
    total = count_network(architecture).total
    image = architecture.image
    facts = [
        ("Architecture", architecture.id),
        ("Dataset", card.dataset),
        ("Accuracy (validation)", None if card.accuracy is None else f"{card.accuracy:.2%}"),
        ("Epochs", None if card.epochs is None else str(card.epochs)),
        ("Image", f"{image.channels} x {image.height} x {image.width}"),
        ("Classes", str(architecture.num_classes)),
        ("Class names", None if card.class_names is None else ", ".join(card.class_names)),
        ("Parameters", f"{total.params:,}"),
        ("FLOPs an image", f"{total.flops():,} (two a multiply-accumulate)"),
        ("Trained with", ", ".join(f"{name} {version}" for name, version in card.versions.items()) or None),
    ]
    return [(name, value) for name, value in facts if value is not None]


def _preprocessing(card: ModelCard) -> str:
    if card.mean is None or card.std is None:
        return "Images must be standardised as they were for training."
    mean, std = (", ".join(f"{value:.6g}" for value in values) for values in (card.mean, card.std))
    return (
        "It was trained on `(pixels - mean) / std` with the data set's own pixel values, channel by channel: "
        f"mean {mean}; std {std}."
    )


def _commands(card: ModelCard) -> str:
    named = (("Trained by", card.training_command), ("Exported by", card.export_command))
    return "".join(f"\n{title}:\n\n    {plain_line(command)}\n" for title, command in named if command)


def _weights_license(card: ModelCard) -> str:
    if card.weights_license is None:
        return "For the weights, mind the terms of the data that they were trained on as well."
    return f"The weights: {plain_line(card.weights_license)}"


def plain_line(text: str) -> str:
    """`text` on one line and without control characters, so that it cannot leave a comment or a table's cell."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _cell(text: str) -> str:
    """Text that cannot end its cell of a Markdown table."""
    return plain_line(text).replace("|", "\\|")
