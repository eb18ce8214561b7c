"""The recipe of a full training."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sasa_nas.nodes import Bool, Int, Misfit, Node, Positive
from sasa_nas.recipes.augmentation import Augmentation
from sasa_nas.recipes.fields import BelowOne, PositiveFloat
from sasa_nas.recipes.losses import CrossEntropy, Loss
from sasa_nas.recipes.optimizers import Optimizer
from sasa_nas.recipes.schedules import Cosine, Schedule
from sasa_nas.recipes.sizes import ImageSizes

Precision = Literal["auto", "bf16", "fp32", "fp64"]
"""Arithmetic of the forward pass; `auto` is bf16 where the device computes in it natively, else fp32."""


class MovingAverage(Node):
    """Exponential moving average of the weights, which is what is validated and kept."""

    decay: BelowOne = 0.9999
    every: Positive = 1
    """Steps between updates."""
    warmup: Bool = False
    """Decay that rises as (1 + n) / (10 + n) with the number of updates n, up to `decay`, if true."""


class Validation(Node):
    """Measurement of the network."""

    flip: Bool = False
    """Logits averaged over each image and its mirror image, if true."""


class FullRecipe(Node):
    """Recipe of a full training: all that decides its result but the network, the data and the seed."""

    source: str = ""
    """Citation of the publication that the recipe is of."""
    published: str = ""
    """Accuracy that the source reached with it, and by which network."""
    unpublished: tuple[str, ...] = ()
    """Fields whose values the source does not give."""
    differences: tuple[str, ...] = ()
    """Differences of this implementation from the source, a sentence each."""
    epochs: Annotated[Int, Field(ge=1, le=100_000)]
    batch_size: Positive
    """Images of an update, over all devices and accumulated parts."""
    micro_batch: Positive | None = None
    """Most images of one forward pass on a device; default: its share of the batch."""
    optimizer: Optimizer
    schedule: Schedule = Cosine()
    loss: Loss = CrossEntropy()
    augmentation: Augmentation = Augmentation()
    sizes: ImageSizes = ImageSizes()
    drop_path: BelowOne = 0.0
    """Probability that the last block's branch is left out for an image, rising linearly from 0 at the first (Huang et
    al., 2016, arXiv 1603.09382: stochastic depth)."""
    average: MovingAverage | None = None
    norm_decay: BelowOne | None = None
    """Share that running statistics of batch normalisation keep at a step, .9 in PyTorch; default: the network's."""
    clip_norm: PositiveFloat | None = None
    """Largest Euclidean norm of all gradients together; default: not clipped."""
    precision: Precision = "auto"
    validation: Validation = Validation()

    @model_validator(mode="after")
    def _reaches_the_peak(self) -> "FullRecipe":
        if self.schedule.warmup_epochs >= self.epochs:
            raise Misfit("schedule.warmup_epochs", f"must be less than epochs={self.epochs}, or there is no peak")
        return self
