"""Overrides of a search space's settings by command-line options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sasa_nas.space import SearchSpace


def with_overrides(
    space: SearchSpace,
    *,
    epochs: int | None,
    dataset: str | None,
    train_images: int | None,
    limits: Mapping[str, float | None],
) -> SearchSpace:
    """Return a space with settings replaced by the command line's, validated.

    Args:
        space: The space as in its file.
        epochs: Epochs of a training, instead of the recipe's.
        dataset: Data set, instead of the proxy's.
        train_images: Size of the subset to train on, instead of the proxy's.
        limits: Limits by their names in the space.

    Raises:
        DescriptionError: If a value is not allowed.
    """
    from sasa_nas.space.files import validate_space

    data = space.model_dump()
    if epochs is not None:
        data["proxy"]["recipe"]["epochs"] = epochs
    if dataset is not None:
        data["proxy"]["dataset"] = dataset
    if train_images is not None:
        data["proxy"]["train_images"] = train_images
    data["limits"].update({name: most for name, most in limits.items() if most is not None})
    return validate_space(data, "the command line")
