"""The recipe by which a detector is trained."""

from sasa_nas.nodes import Bool, Positive
from sasa_nas.space.proxy import Epochs, PositiveFloat, Schedule


class DetectionRecipe(Schedule):
    """Recipe of the training of a detector; the defaults are for COCO and trained backbones."""

    epochs: Epochs = 12
    batch_size: Positive = 16
    learning_rate: PositiveFloat = 1e-4
    """Peak learning rate, reached after the warm-up."""
    augment: Bool = True
    """Horizontal flips of images with probability 1/2, if true."""
