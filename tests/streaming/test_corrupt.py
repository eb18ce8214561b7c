"""The tally of images that cannot be read."""

import pytest

from sasa_nas.errors import UserError
from sasa_nas.streaming.corrupt import CorruptImages, CorruptLimit


def failures(*numbers: int) -> list[tuple[int, str]]:
    return [(number, f"cannot read image {number}") for number in numbers]


def test_an_image_counts_once_and_the_first_are_named() -> None:
    tally = CorruptImages(1000, CorruptLimit())
    for _ in range(20):
        tally.add(100, failures(3, 4, 5, 6, 7, 8))
    assert tally.count == 6
    assert tally.first == tuple(f"cannot read image {number}" for number in range(3, 8))


def test_more_than_the_least_end_the_training() -> None:
    tally = CorruptImages(1000, CorruptLimit())
    tally.add(500, failures(*range(10)))
    with pytest.raises(UserError, match=r"^cannot read image 0 \(10 more of 600 images cannot be read; allowed are 10"):
        tally.add(100, failures(10))


def test_a_share_of_those_read_so_far_is_allowed() -> None:
    limit = CorruptLimit(share=0.1, least=0)
    CorruptImages(1000, limit).add(50, failures(*range(5)))
    with pytest.raises(UserError, match="allowed are 4"):
        CorruptImages(1000, limit).add(49, failures(*range(5)))
    # no image is read for the first time in the second epoch
    tally = CorruptImages(1000, limit)
    tally.add(2000, [])
    with pytest.raises(UserError, match="of 1,000 images"):
        tally.add(1, failures(*range(101)))
