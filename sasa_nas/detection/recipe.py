"""The recipe by which a detector is trained."""

from sasa_nas.nodes import Bool, Positive
from sasa_nas.space.proxy import Epochs, PositiveFloat, Schedule


class DetectionRecipe(Schedule):
    """How one detector is trained; the defaults are for COCO and trained backbones."""

    epochs: Epochs = 12
    batch_size: Positive = 16
    learning_rate: PositiveFloat = 1e-4
    """The peak, reached after the warm-up."""
    augment: Bool = True
    """Whether half of the images are mirrored left to right."""
