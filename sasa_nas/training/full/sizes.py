"""Sides of train and test images."""

from sasa_nas.recipes.sizes import ImageSizes


def train_side(sizes: ImageSizes, epoch: int, own: int) -> int:
    """Return the side of train images in an epoch, in pixels.

    Args:
        sizes: The recipe's sizes.
        epoch: Number of the epoch, from 0.
        own: Side of the data set's images, in pixels.
    """
    full = sizes.train or own
    growth = sizes.progression
    if growth is None or epoch >= growth.to_epoch:
        return full
    if epoch <= growth.from_epoch:
        return growth.start
    share = (epoch - growth.from_epoch) / (growth.to_epoch - growth.from_epoch)
    return round((growth.start + share * (full - growth.start)) / growth.multiple) * growth.multiple


def evaluation_side(sizes: ImageSizes, own: int) -> int:
    """Return the side of validation and test images, in pixels.

    Args:
        sizes: The recipe's sizes.
        own: Side of the data set's images, in pixels.
    """
    return sizes.test or sizes.train or own
