"""Stratified subsets of a train part, for a cheaper proxy."""

import numpy as np
import torch

from sasa_nas.data.splits import DATA_SEED, ImageSet, Indices
from sasa_nas.errors import UserError


def subset_order(labels: Indices, *, seed: int = DATA_SEED) -> Indices:
    """Return an order of examples in which every prefix is stratified.

    The first examples are one of each class, and from then on classes follow in the proportions of the whole. A smaller
    subset is part of each larger one.

    Args:
        labels: (N,) class of each example.
        seed: Seed of the order within classes, and of ties between classes.

    Returns:
        (N,) positions in `labels`.
    """
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(labels))
    rank = np.empty(len(labels), dtype=np.float64)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        # the middles of as many equal intervals as the class has examples: classes come by in proportion
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
        rank[members[0]] = 0.0
    # ties keep the order of the shuffle
    order: Indices = shuffled[np.argsort(rank[shuffled], kind="stable")].astype(np.int64)
    return order


def require_subset(count: int, labels: Indices, name: str) -> None:
    """Check that a train part has a stratified subset of a given size.

    Args:
        count: Size of the subset.
        labels: (N,) class of each train image.
        name: Name of the data set, for the error.

    Raises:
        UserError: If `count` exceeds the number of images, or is less than one per class.
    """
    classes = len(np.unique(labels))
    if count > len(labels):
        raise UserError(f"train_images={count:,} is more than '{name}' has to train on: {len(labels):,}")
    if count < classes:
        raise UserError(f"train_images={count:,} is fewer than one for each of the {classes:,} classes of '{name}'")


def subset(train: ImageSet, count: int, name: str) -> ImageSet:
    """Return a stratified subset of a train part, standardised as the whole is.

    Raises:
        UserError: See `require_subset`.
    """
    labels = train.labels.numpy()
    require_subset(count, labels, name)
    chosen = torch.from_numpy(subset_order(labels)[:count])
    return ImageSet(train.images[chosen], train.labels[chosen], train.standardisation)
