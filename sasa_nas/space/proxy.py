"""Proxy by which a search evaluates a design, full training, and limits on designs."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from sasa_nas.documents import DescriptionError
from sasa_nas.nodes import Bool, Count, Float, Node, Positive, Quantity
from sasa_nas.recipes import FullRecipe
from sasa_nas.recipes.loading import BASE, load_recipe

PositiveFloat = Annotated[Float, Field(gt=0.0)]
Multiplier = Annotated[Float, Field(gt=0.0, le=1000.0)]
"""Multiplier of widths or depths; the largest is beyond any use, and keeps products finite."""
MOST_EPOCHS = 100_000
Epochs = Annotated[Positive, Field(le=MOST_EPOCHS)]


class Schedule(Node):
    """Fields that recipes of all tasks share: AdamW with linear warm-up and a cosine decay to zero."""

    epochs: Epochs = 10
    batch_size: Positive = 64
    learning_rate: PositiveFloat = 3e-3
    """Peak learning rate, reached after the warm-up."""
    weight_decay: Annotated[Float, Field(ge=0.0)] = 0.05


class Recipe(Schedule):
    """Recipe of the training of a classifier."""

    label_smoothing: Annotated[Float, Field(ge=0.0, lt=1.0)] = 0.0
    augment: Bool = True
    """Augmentation by random shifts, and by flips that keep the data set's labels, if true."""


def _described(value: Any) -> Any:
    """Return the recipe that plain data describe: a full one is a name, or has a base or an optimiser."""
    if isinstance(value, Recipe | FullRecipe):
        return value
    if isinstance(value, str) or (isinstance(value, Mapping) and BASE in value):
        try:
            return load_recipe(value)
        except DescriptionError as error:
            raise PydanticCustomError("recipe", "{reason}", {"reason": str(error)}) from error
    if isinstance(value, Mapping) and "optimizer" in value:
        return FullRecipe.model_validate(value)
    return Recipe.model_validate(value)


AnyRecipe = Annotated[Recipe | FullRecipe, BeforeValidator(_described)]
"""Recipe of a training: a proxy's, with AdamW and all images in memory; or a full one, which may be given by the name
of a preset or a file, or by changes to a `base`."""


class Proxy(Node):
    """Proxy that a search trains for each design: less data, width, depth and time."""

    dataset: str = "digits"
    image_size: Positive | None = None
    """Side in pixels that images are resized to; default: the data set's own."""
    train_images: Count | None = None
    """Size of a stratified subset of the train part, the same for all designs and seeds; default: all images.
    The validation part stays whole."""
    width_multiplier: Multiplier = 1.0
    depth_multiplier: Multiplier = 1.0
    recipe: Recipe = Recipe()


TARGET_EPOCHS = 3
"""Default epochs of a full training, as a multiple of the proxy's."""


class Target(Node):
    """Full training of designs found by a search: at their own width and depth, for longer."""

    dataset: str | None = None
    """Name of the data set; default: the proxy's."""
    image_size: Positive | None = None
    """Side of images in pixels; default: the proxy's for the proxy's data set, else the data set's own."""
    recipe: AnyRecipe | None = None
    """Recipe of the training, such as `rsb_a3`; default: the proxy's with three times its epochs."""

    def training(self, proxy: Proxy) -> tuple[str, int | None, Recipe | FullRecipe]:
        """Return data set, image size and recipe, with defaults from the proxy."""
        same_data = self.dataset is None or self.dataset == proxy.dataset
        longer = proxy.recipe.model_copy(update={"epochs": min(TARGET_EPOCHS * proxy.recipe.epochs, MOST_EPOCHS)})
        return (
            self.dataset or proxy.dataset,
            self.image_size or (proxy.image_size if same_data else None),
            self.recipe or longer,
        )


class Limits(Node):
    """Hard limits on a trained network; a design that exceeds one is never trained."""

    max_params: Count | None = None
    max_flops: Quantity | None = None
    """Most floating-point operations of one image, two per multiply-accumulate."""
    max_memory: Quantity | None = None
    """Most bytes of a training step with the recipe's batch; see `sasa_nas.cost.memory`."""
    max_latency: Annotated[Float, Field(gt=0.0)] | None = None
    """Most seconds for one image, measured on the worker's device before training."""
