"""Jobs of trainings: a network with its data, by a proxy's recipe or by a full one."""

from dataclasses import replace
from typing import TypeAlias

from pydantic import ValidationError

from sasa_nas.data.decoded import Progress
from sasa_nas.data.registry import load
from sasa_nas.data.splits import DatasetInfo, Splits
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import TrainingSettings
from sasa_nas.space import Architecture, Image
from sasa_nas.space.scaling import fitted_to, scaled
from sasa_nas.space.validation_errors import space_error
from sasa_nas.streaming.splits import StreamedSplits, open_streamed
from sasa_nas.training.device import pick_device
from sasa_nas.training.first_weights import FirstWeights
from sasa_nas.training.proxy import require_batches
from sasa_nas.workflows.classification import Classification
from sasa_nas.workflows.full_classification import FullClassification, require_trainable
from sasa_nas.workflows.full_share import Share
from sasa_nas.workflows.loading import load_for
from sasa_nas.workflows.observer import TrainingObserver

Job: TypeAlias = Classification | FullClassification
"""A classifier's training."""


def resumed_job(
    name: str,
    architecture: Architecture,
    settings: TrainingSettings,
    first: FirstWeights,
    share: Share,
    observer: TrainingObserver,
) -> Job:
    """Return the job of a network that is fitted to its data already.

    Args:
        name: Name of the network.
        architecture: The network.
        settings: Data set, recipe, seeds and device.
        first: Weights that every seed begins with.
        share: Division of the work.
        observer: Observer of the progress.

    Raises:
        UserError: If it cannot be trained as asked.
    """
    device, recipe = pick_device(settings.device), settings.recipe
    if isinstance(recipe, FullRecipe):
        opened = _opened(settings)
        require_trainable(architecture, recipe, opened, share)
        return FullClassification(name, architecture, settings, recipe, opened, device, share, first)
    splits = load_for(
        architecture,
        settings.dataset,
        settings.data_dir,
        train_images=settings.train_images,
        progress=observer.decoding,
    )
    return Classification(name, architecture, settings, recipe, splits, device, first)


def planned_job(
    architecture: Architecture, settings: TrainingSettings, name: str, share: Share, observer: TrainingObserver
) -> Job:
    """Return the job of a network for images and classes of any number, fitted to its data.

    Args:
        architecture: The network.
        settings: Data set, recipe, seeds, device, and multipliers of the network.
        name: Name of the network.
        share: Division of the work.
        observer: Observer of the progress.

    Raises:
        UserError: If it cannot be trained as asked.
    """
    device, recipe = pick_device(settings.device), settings.recipe
    if isinstance(recipe, FullRecipe):
        opened = _opened(settings)
        network = fitted_network(architecture, settings, _tested_info(recipe, opened), name)
        require_trainable(network, recipe, opened, share)
        absolute = settings.model_copy(update={"dataset": opened.info.name})
        return FullClassification(name, network, absolute, recipe, opened, device, share)
    splits = _loaded(settings, observer.decoding)
    require_batches(recipe, splits.train)
    network = fitted_network(architecture, settings, splits.info, name)
    # a folder's name is made absolute, so that a resume from elsewhere reads the same one
    absolute = settings.model_copy(update={"dataset": splits.info.name})
    return Classification(name, network, absolute, recipe, splits, device)


def trained_data(settings: TrainingSettings, progress: Progress) -> DatasetInfo:
    """Return facts about the data of a training, of the size that its networks are fitted to.

    Args:
        settings: Data set and recipe.
        progress: Observer of the decoding of images, which a full recipe does without.

    Raises:
        UserError: If the data are missing.
    """
    if isinstance(settings.recipe, FullRecipe):
        return _tested_info(settings.recipe, _opened(settings))
    return _loaded(settings, progress).info


def _opened(settings: TrainingSettings) -> StreamedSplits:
    return open_streamed(
        settings.dataset,
        data_dir=settings.data_dir,
        image_size=settings.image_size,
        train_images=settings.train_images,
        whole_train=settings.whole_train,
    )


def _tested_info(recipe: FullRecipe, splits: StreamedSplits) -> DatasetInfo:
    """Return facts about a data set whose images have the side to test on."""
    side = recipe.sizes.test_side(splits.info.height)
    return replace(splits.info, height=side, width=side)


def _loaded(settings: TrainingSettings, progress: Progress) -> Splits:
    return load(
        settings.dataset,
        data_dir=settings.data_dir,
        image_size=settings.image_size,
        train_images=settings.train_images,
        progress=progress,
    )


def fitted_network(
    architecture: Architecture, settings: TrainingSettings, data: DatasetInfo, name: str
) -> Architecture:
    """Return a network as it is trained: scaled by its multipliers, fitted to images and classes of a data set.

    Args:
        architecture: The network, for images and classes of any number.
        settings: Settings with the multipliers.
        data: The data set.
        name: Name of the network, for the error.

    Raises:
        DescriptionError: If it does not fit.
    """
    image = Image(channels=data.channels, height=data.height, width=data.width)
    try:
        return fitted_to(
            scaled(architecture, settings.width_multiplier, settings.depth_multiplier), image, data.num_classes
        )
    except ValidationError as error:
        raise space_error(f"{name}, fitted to {data.name}", error) from error
