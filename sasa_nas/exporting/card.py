"""The model card of an exported network: its facts, its accuracy and its use."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sasa_nas._version import __version__
from sasa_nas.cost.network import NetworkCounts
from sasa_nas.exporting.format import format_of
from sasa_nas.exporting.task_export import Metric, TaskExport, task_export
from sasa_nas.nodes import resolve
from sasa_nas.sharing import shareable, shareable_command
from sasa_nas.space.network import NetworkDescription
from sasa_nas.tasks import TASKS

Origin = Literal["trained", "untrained", "given"]
"""Origin of weights: a recorded training, a random generator, or a given file."""


@dataclass(frozen=True)
class ModelCard:
    """Facts about a network beyond its architecture; None if unknown.

    Attributes:
        name: Name of the network.
        origin: Origin of its weights.
        seed: Seed of the training, or of the random weights.
        note: One sentence on what the network is.
        dataset: Name of the data set that it was trained on.
        accuracy: Accuracy on the validation images, in [0, 1].
        test_accuracy: Accuracy on the test images, in [0, 1].
        ap: A detector's average precision on the validation images, COCO's mAP, in [0, 1].
        ap50: The same at the overlap 0.5 alone.
        epochs: Number of epochs trained.
        mean: Mean of each channel, subtracted from the pixels, in the data set's own unit.
        std: Standard deviation of each channel, which they were divided by.
        pixel_max: The largest pixel in that unit.
        test_size: Side in pixels at which it was tested; None for the network's own.
        crop: Side of the centre crop of a test image, as a share of its resized shorter side.
        interpolation: Filter of the resizing of test images.
        class_names: Names of the classes, in the order of the logits.
        category_ids: Numbers of a detector's classes in the data set's files, in the same order.
        training_command: The command line that trained it.
        export_command: The command line that wrote the export.
        versions: Versions by the name of the package, as of the training.
        weights_license: License of the weights, if any.
    """

    name: str
    origin: Origin = "trained"
    seed: int | None = None
    note: str | None = None
    dataset: str | None = None
    accuracy: float | None = None
    test_accuracy: float | None = None
    ap: float | None = None
    ap50: float | None = None
    epochs: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    pixel_max: float = 255.0
    test_size: int | None = None
    crop: float = 1.0
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    class_names: tuple[str, ...] | None = None
    category_ids: tuple[int, ...] | None = None
    training_command: str | None = None
    export_command: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    weights_license: str | None = None

    @property
    def weights_line(self) -> str:
        """Description of the weights' origin."""
        seed = "" if self.seed is None else f" (seed {self.seed})"
        match self.origin:
            case "trained":
                return f"trained{seed}"
            case "untrained":
                return f"untrained: random{seed}, good for nothing but training and timing"
            case "given":
                return "given as a file; how they were trained is not on record here"


_CARD = """\
---
{metadata}---

# {name}

{summary}, exported from sasa-nas {version}. `model.safetensors` holds its weights, `config.json` their facts, with \
the names of timm and the Hugging Face Hub, `architecture.json` its description.

{weights}
{note}
## Use

{usage}
## Preprocessing

{preprocessing}

## Facts

| | |
|---|---|
{facts}

## Cost of one image

| | |
|---|---|
{costs}
{commands}
## License

| | |
|---|---|
| Code | Apache-2.0; it comes from sasa-nas |
| Weights | {weights_license} |
"""

_LONGEST = 20_000
"""Most characters of a text, enough for the names of a thousand classes."""

_MACS = {
    "conv_linear": "convolutions, projections, classifier",
    "qk": "queries times keys",
    "qr": "queries times relative positions",
    "av": "attention weights times values",
    "aggregation": "learned weights times features",
}
"""Titles of the categories of `sasa_nas.cost.Macs`."""


def render_card(card: ModelCard, architecture: NetworkDescription, formats: Sequence[str] = ("module",)) -> str:
    """Return the card as Markdown; parameters and operations are counted from `architecture`.

    Args:
        card: Facts about the network.
        architecture: The network.
        formats: Formats in the folder; each gets an example program.
    """
    task = task_export(architecture)
    return _CARD.format(
        metadata=_metadata(card, architecture, formats),
        name=markdown(card.name),
        version=__version__,
        summary=task.summary(architecture),
        weights=_weights(card),
        note=f"\n{markdown(card.note)}\n" if card.note else "",
        usage="\n".join(format_of(name).usage(architecture) for name in formats),
        preprocessing=task.preprocessing(card, architecture),
        facts=_rows(_facts(card, architecture)),
        costs=_rows(_costs(architecture)),
        commands=_commands(card),
        weights_license=markdown(card.weights_license or _NO_LICENSE),
    )


_NO_LICENSE = "not stated; mind the terms of the data that they were trained on"


_HUB_LICENSES = frozenset(
    {
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "unlicense", "gpl-3.0", "lgpl-3.0"),
        *("cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0"),
    }
)
"""Licenses that the Hugging Face Hub knows by these names; others are written out."""


def _metadata(card: ModelCard, architecture: NetworkDescription, formats: Sequence[str]) -> str:
    """Return the card's YAML, as the Hugging Face Hub reads it; texts are quoted as in JSON, which YAML includes."""
    task = task_export(architecture)
    usages = [format_of(name).usage_for(architecture) for name in formats]
    libraries = [usage.library for usage in usages if usage.library]
    lines = [f"library_name: {libraries[0]}"] if libraries else []
    lines += [f"pipeline_tag: {task.pipeline}", "tags:"]
    lines += [f"- {tag}" for tag in (task.pipeline, *libraries, "sasa-nas")]
    if card.weights_license is not None:
        known = card.weights_license.strip().lower().replace(" ", "-")
        if known in _HUB_LICENSES:
            lines.append(f"license: {known}")
        else:
            lines += ["license: other", f"license_name: {_quoted(card.weights_license)}"]
    results = [line for metric in task.metrics(card) for line in _result(card, task, metric)]
    if card.dataset is not None and results:
        lines += ["model-index:", f"- name: {_quoted(card.name)}", "  results:", *results]
    return "".join(f"{line}\n" for line in lines)


def _result(card: ModelCard, task: TaskExport[Any], metric: Metric) -> list[str]:
    """Return the lines of a metric on a part of the data set."""
    name = _quoted(card.dataset or "")
    return [
        "  - task:",
        f"      type: {task.pipeline}",
        "    dataset:",
        f"      name: {name}",
        f"      type: {name}",
        f"      split: {metric.split}",
        "    metrics:",
        f"    - type: {metric.kind}",
        f"      value: {metric.value:.6g}",
    ]


def _quoted(text: str) -> str:
    """Return a text in quotes for YAML, with signs that mean something in Markdown or HTML as their codes."""
    quoted = json.dumps(plain_line(shareable(text)))
    return re.sub(r"[<>&`*\[\]|]", lambda sign: f"\\u{ord(sign[0]):04x}", quoted)


def _weights(card: ModelCard) -> str:
    text = f"Its weights are {card.weights_line}."
    return text if card.origin == "trained" else f"**{text}**"


def _facts(card: ModelCard, architecture: NetworkDescription) -> list[tuple[str, str | None]]:
    image, task = architecture.trunk.image, task_export(architecture)
    return [
        ("Architecture", architecture.id),
        ("Weights", card.weights_line),
        ("Dataset", card.dataset),
        *((metric.title, f"{metric.value:.2%}") for metric in task.metrics(card)),
        ("Epochs", None if card.epochs is None else str(card.epochs)),
        ("Seed", None if card.seed is None else str(card.seed)),
        ("Image", f"{image.channels} x {image.height} x {image.width}"),
        ("Classes", str(task.config(card, architecture)["num_classes"])),
        ("Class names", None if card.class_names is None else ", ".join(card.class_names)),
        ("Trained with", ", ".join(f"{name} {version}" for name, version in card.versions.items()) or None),
    ]


def _costs(architecture: NetworkDescription) -> list[tuple[str, str | None]]:
    counts: NetworkCounts = resolve(TASKS[architecture.task].count)(architecture)
    total = counts.total
    macs = asdict(total.macs)
    return [
        ("Parameters", f"{total.params:,}"),
        ("FLOPs an image", f"{total.flops():,} (two a multiply-accumulate)"),
        ("Multiply-accumulates (MACs)", f"{total.macs.total:,}"),
        *((f"MACs: {_MACS[kind]}", f"{count:,}" if count else None) for kind, count in macs.items()),
    ]


def _rows(facts: Sequence[tuple[str, str | None]]) -> str:
    return "\n".join(f"| {name} | {markdown(value)} |" for name, value in facts if value is not None)


def _commands(card: ModelCard) -> str:
    named = (("Trained by", card.training_command), ("Exported by", card.export_command))
    text = "".join(
        f"\n{title}:\n\n    {plain_line(shareable_command(command))}\n" for title, command in named if command
    )
    return f"\n## Commands\n{text}" if text else ""


def plain_line(text: str) -> str:
    """Return `text` as one line without control characters, so that it cannot leave a comment or a table's cell."""
    words = " ".join(text[:_LONGEST].split())
    return "".join(letter for letter in words if letter.isprintable())


def markdown(text: str) -> str:
    """Return a line of Markdown that shows a text literally, without markup, links, images, HTML or ends of cells."""
    return "".join(
        _ENTITIES.get(letter) or (f"\\{letter}" if letter in _SIGNS else letter)
        for letter in plain_line(shareable(text))
    )


_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_SIGNS = frozenset("\\`*[]|~")
