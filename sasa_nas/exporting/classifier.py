"""Texts, outputs and files of classifiers in exports."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.hub_config import check_config, classifier_config
from sasa_nas.exporting.model_file import model_source
from sasa_nas.exporting.task_export import Metric, Output, TaskExport
from sasa_nas.space.architecture import Architecture


def _source(architecture: Architecture, title: str) -> str:
    return model_source(architecture, title=title)


def _unchanged(network: nn.Module) -> nn.Module:
    return network


def _reference(network: nn.Module) -> Callable[[Tensor], Sequence[Tensor]]:
    return lambda images: [network(images)]


def _outputs(architecture: Architecture) -> tuple[Output, ...]:
    return (Output("logits"),)


def _summary(architecture: Architecture) -> str:
    image = architecture.image
    return (
        f"A residual network for images of {image.channels} x {image.height} x {image.width} with "
        f"{architecture.num_classes} classes"
    )


def _metrics(card: ModelCard) -> list[Metric]:
    parts = [("validation", card.accuracy), ("test", card.test_accuracy)]
    return [Metric(f"Accuracy ({split})", "accuracy", split, value) for split, value in parts if value is not None]


def _preprocessing(card: ModelCard, architecture: Architecture) -> str:
    if card.mean is None or card.std is None:
        if card.origin == "untrained":
            return "An untrained network expects none in particular: standardise images as you will for training."
        return "Images must be standardised as they were for training."
    mean, std = (", ".join(f"{value:.6g}" for value in values) for values in (card.mean, card.std))
    return (
        "It was trained on `(pixels - mean) / std` with the data set's own pixel values, channel by channel: "
        f"mean {mean}; std {std}."
    )


EXPORT = TaskExport(
    pipeline="image-classification",
    public=("ResNet", "build", "load"),
    difference="a logit",
    source=_source,
    prepare=_unchanged,
    reference=_reference,
    outputs=_outputs,
    config=classifier_config,
    check_config=check_config,
    summary=_summary,
    metrics=_metrics,
    preprocessing=_preprocessing,
)
