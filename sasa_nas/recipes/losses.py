"""Losses of classifiers."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from sasa_nas.nodes import Node
from sasa_nas.recipes.fields import BelowOne, Probability


class CrossEntropy(Node):
    """Softmax cross-entropy with the (perhaps mixed) labels."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: BelowOne = 0.0


class BinaryCrossEntropy(Node):
    """Sigmoid cross-entropy, each class a question of its own (Wightman et al., 2021, arXiv 2110.00476)."""

    kind: Literal["binary_cross_entropy"] = "binary_cross_entropy"
    label_smoothing: BelowOne = 0.0
    threshold: Probability | None = None
    """Share of a mixed label above which it counts as present in full; others as absent. None keeps the shares."""


Loss: TypeAlias = Annotated[CrossEntropy | BinaryCrossEntropy, Field(discriminator="kind")]
