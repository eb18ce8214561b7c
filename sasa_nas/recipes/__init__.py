"""Recipes of full trainings, as data: optimiser, schedule, loss, augmentation and sizes.

Nothing here imports torch. The parts that a recipe names are built by `sasa_nas.training.full`, images are cropped and
augmented by `sasa_nas.streaming`.
"""

from sasa_nas.recipes.augmentation import (
    Augmentation,
    Crop,
    CutMix,
    Erasing,
    Mixing,
    MixUp,
    RandAugment,
    RandomResizedCrop,
    ShiftCrop,
)
from sasa_nas.recipes.loading import load_recipe, preset_names, recipe_schema, recipe_text
from sasa_nas.recipes.losses import BinaryCrossEntropy, CrossEntropy
from sasa_nas.recipes.optimizers import AdamW, Lamb, Sgd
from sasa_nas.recipes.recipe import FullRecipe, MovingAverage, Validation
from sasa_nas.recipes.schedules import Cosine, Steps, Triangle
from sasa_nas.recipes.sizes import ImageSizes

__all__ = [
    "AdamW",
    "Augmentation",
    "BinaryCrossEntropy",
    "Cosine",
    "Crop",
    "CrossEntropy",
    "CutMix",
    "Erasing",
    "FullRecipe",
    "ImageSizes",
    "Lamb",
    "MixUp",
    "Mixing",
    "MovingAverage",
    "RandAugment",
    "RandomResizedCrop",
    "Sgd",
    "ShiftCrop",
    "Steps",
    "Triangle",
    "Validation",
    "load_recipe",
    "preset_names",
    "recipe_schema",
    "recipe_text",
]
