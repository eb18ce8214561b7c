"""How a detector is trained."""

from typing import Annotated

from pydantic import Field

from sasa_nas.nodes import Bool, Float, Node, Positive
from sasa_nas.space.proxy import Epochs, PositiveFloat


class DetectionRecipe(Node):
    """AdamW with linear warm-up and a cosine decay to zero; the defaults are for COCO and trained backbones."""

    epochs: Epochs = 12
    batch_size: Positive = 16
    learning_rate: PositiveFloat = 1e-4
    """The peak, reached after the warm-up."""
    weight_decay: Annotated[Float, Field(ge=0.0)] = 0.05
    augment: Bool = True
    """Whether half of the images are mirrored left to right."""
