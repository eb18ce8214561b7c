"""Proxy by which a search judges a design, and limits on what it trains."""

from typing import Annotated

from pydantic import Field

from sasa_nas.nodes import Bool, Count, Float, Node, Positive, Quantity

PositiveFloat = Annotated[Float, Field(gt=0.0)]
Multiplier = Annotated[Float, Field(gt=0.0, le=1000.0)]
"""Of widths and depths; the largest is beyond any use, and leaves no product infinite."""
MOST_EPOCHS = 100_000
Epochs = Annotated[Positive, Field(le=MOST_EPOCHS)]


class Schedule(Node):
    """Fields that recipes of all tasks share: AdamW with linear warm-up and a cosine decay to zero."""

    epochs: Epochs = 10
    batch_size: Positive = 64
    learning_rate: PositiveFloat = 3e-3
    """The peak, reached after the warm-up."""
    weight_decay: Annotated[Float, Field(ge=0.0)] = 0.05


class Recipe(Schedule):
    """How one classifier is trained."""

    label_smoothing: Annotated[Float, Field(ge=0.0, lt=1.0)] = 0.0
    augment: Bool = True
    """Random shifts, and flips where the data set says that they keep the label."""


class Proxy(Node):
    """The small stand-in that a search trains for each design: less data, width, depth and time."""

    dataset: str = "digits"
    image_size: Positive | None = None
    """Side in pixels to which images are resized; the data set's own where it is left out."""
    train_images: Count | None = None
    """Images of a stratified subset of the train part, the same for all designs and seeds; all where it is left out.
    The validation part stays whole."""
    width_multiplier: Multiplier = 1.0
    depth_multiplier: Multiplier = 1.0
    recipe: Recipe = Recipe()


TARGET_EPOCHS = 3
"""How many times the proxy's epochs a full training takes, unless its recipe says otherwise."""


class Target(Node):
    """Full training of designs that a search found: at their own width and depth, for longer."""

    dataset: str | None = None
    """The proxy's where it is left out."""
    image_size: Positive | None = None
    """Side in pixels; where it is left out, the proxy's for the proxy's data set, else the data set's own."""
    recipe: Recipe | None = None
    """The proxy's with three times its epochs where it is left out."""

    def training(self, proxy: Proxy) -> tuple[str, int | None, Recipe]:
        """Data set, image size and recipe, with what was left out taken from the proxy."""
        same_data = self.dataset is None or self.dataset == proxy.dataset
        longer = proxy.recipe.model_copy(update={"epochs": min(TARGET_EPOCHS * proxy.recipe.epochs, MOST_EPOCHS)})
        return (
            self.dataset or proxy.dataset,
            self.image_size or (proxy.image_size if same_data else None),
            self.recipe or longer,
        )


class Limits(Node):
    """Hard limits on a trained network; a design beyond one is never trained."""

    max_params: Count | None = None
    max_flops: Quantity | None = None
    """Floating-point operations of one image, two a multiply-accumulate."""
    max_memory: Quantity | None = None
    """Bytes that a training step with the recipe's batch keeps; see `sasa_nas.cost.memory`."""
    max_latency: Annotated[Float, Field(gt=0.0)] | None = None
    """Seconds for one image, measured on the worker's device before training."""
