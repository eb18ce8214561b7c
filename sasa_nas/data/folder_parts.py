"""Parts of a folder of images: which are trained on, validated on and tested on.

With a train folder, `test` is the test part and `val` the validation part. If only one of the two exists, it is the
test part (ImageNet's convention), and a stratified tenth of `train` is the validation part; if neither does, `train` is
divided like a plain folder: 60 % train, 20 % validation, 20 % test.
"""

from collections.abc import Sequence

import numpy as np

from sasa_nas.data.image_listing import Example, Listing
from sasa_nas.data.splits import Indices, stratified_split, three_way_split
from sasa_nas.data.subset import subset_order
from sasa_nas.errors import UserError, one_line, printable

_VALIDATION_SHARE = 0.1


def search_examples(listing: Listing) -> list[Example]:
    """Return the listed train images followed by those of a separate validation part, if any."""
    return [*listing.train, *_own_validation(listing)]


def divide(listing: Listing) -> tuple[Indices, Indices, Indices]:
    """Return the indices of the train images, in the order of `subset_order`, the validation and the test images.

    They are indices into `search_examples`. There are none for test images if these have a separate part.
    """
    labels = np.asarray([label for _, label in listing.train], dtype=np.int64)
    counts = np.bincount(labels, minlength=len(listing.classes))
    for name, count in zip(listing.classes, counts, strict=True):
        # One for each part that `train` may have to be divided into.
        if count < 3:
            raise UserError(
                f"class '{printable(name)}' in '{printable(listing.train_root)}' has {count} images; give it 3 or more"
            )
    nothing = np.empty(0, dtype=np.int64)
    try:
        if listing.test is None and listing.validation is None:
            fitted, held, tested = three_way_split(labels)
        elif listing.test is None or listing.validation is None:
            fitted, held = stratified_split(labels, held_out=_VALIDATION_SHARE)
            tested = nothing
        else:
            every = np.arange(len(labels) + len(listing.validation), dtype=np.int64)
            fitted, held, tested = every[: len(labels)], every[len(labels) :], nothing
    except ValueError as error:
        raise UserError(
            f"'{printable(listing.train_root)}' holds too few images to divide ({one_line(error)})"
        ) from error
    return fitted[subset_order(labels[fitted])], held, tested


def tested_examples(listing: Listing, tested: Sequence[int]) -> list[Example]:
    """Return the images of the test part.

    Args:
        listing: The folder's images.
        tested: Third result of `divide`.
    """
    apart = listing.test if listing.test is not None else listing.validation
    return [listing.train[i] for i in tested] if apart is None else list(apart)


def _own_validation(listing: Listing) -> Sequence[Example]:
    """Return the images of a separate validation part; none if there is no test part beside it."""
    return (listing.validation or ()) if listing.test is not None else ()
