"""The order of an epoch and its division among ranks."""

from collections import Counter

import pytest
import torch
from timm_files import timm_file

from sasa_nas.errors import UserError
from sasa_nas.streaming.order import Division, augmentation_seed, epoch_order, share_of_rank


def test_an_epoch_has_every_image_once_and_another_order_each_time() -> None:
    first, again, second = epoch_order(1, 0, 100), epoch_order(1, 0, 100), epoch_order(1, 1, 100)
    assert sorted(first.tolist()) == list(range(100))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert augmentation_seed(1, 0) not in (augmentation_seed(1, 1), augmentation_seed(2, 0))


def test_repeats_select_as_timm_does() -> None:
    samplers = timm_file("data/distributed_sampler.py")
    order = epoch_order(0, 0, 512, repeats=3)
    # timm draws its permutation from another seed: versions per image and where they are is what can be compared
    theirs = [
        list(samplers.RepeatAugSampler(range(512), num_replicas=2, rank=rank, num_repeats=3)) for rank in range(2)
    ]
    ours = [[], []]
    for update in range(512 // 64):
        for rank in range(2):
            positions = Division(512, 64, None, rank=rank, ranks=2).positions(update, 0)
            ours[rank] += order[list(positions)].tolist()
    assert [sorted(Counter(each).values()) for each in ours] == [sorted(Counter(each).values()) for each in theirs]
    assert sorted(Counter(order.tolist()).values()) == [2] + 170 * [3]


@pytest.mark.parametrize(
    ("ranks", "micro_batch"), [(1, None), (1, 4), (2, None), (2, 3), (3, 2), (6, 1), (5, None), (5, 1), (1, 5), (12, 7)]
)
def test_updates_have_the_same_images_whatever_computes_them(ranks: int, micro_batch: int | None) -> None:
    for update in range(3):
        found, sizes = [], []
        for rank in range(ranks):
            division = Division(40, 12, micro_batch, rank=rank, ranks=ranks)
            assert division.updates == 3
            assert division.first == len(sizes)
            for part in range(division.parts):
                positions = division.positions(update, part)
                sizes.append(len(positions))
                found += positions
        assert sorted(found) == list(range(12 * update, 12 * update + 12))
        assert max(sizes) == division.largest <= min(sizes) + 1
        assert division.largest <= (micro_batch or 12)


def test_shares_that_do_not_divide_differ_by_one_image() -> None:
    shares = [Division(256, 256, None, rank=rank, ranks=3) for rank in range(3)]
    assert [len(share.positions(0, 0)) for share in shares] == [86, 85, 85]


def test_fewer_ranks_compute_the_parts_of_those_that_they_were_divided_for() -> None:
    whole = [Division(256, 256, None, rank=rank, ranks=4).positions(0, 0) for rank in range(4)]
    for ranks, shares in ((3, [1, 1, 2]), (2, [2, 2]), (1, [4])):
        left = [Division(256, 256, None, rank=rank, ranks=ranks, divided_for=4) for rank in range(ranks)]
        assert [division.parts for division in left] == shares
        assert [division.positions(0, part) for division in left for part in range(division.parts)] == whole


def test_two_ranks_compute_the_parts_that_one_computes_in_turn() -> None:
    alone = Division(40, 12, 3, rank=0, ranks=1)
    both = [Division(40, 12, 3, rank=rank, ranks=2) for rank in range(2)]
    assert alone.parts == 4
    assert [alone.positions(1, part) for part in range(4)] == [
        division.positions(1, part) for division in both for part in range(2)
    ]


@pytest.mark.parametrize(
    ("count", "batch_size", "micro_batch", "ranks", "complaint"),
    [
        (10, 11, None, 1, "batch_size=11 is more than the 10 images"),
        (40, 2, None, 3, "batch_size=2 is too small for 3 processes"),
    ],
)
def test_what_cannot_be_divided_is_named(
    count: int, batch_size: int, micro_batch: int | None, ranks: int, complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        Division(count, batch_size, micro_batch, rank=0, ranks=ranks)


def test_shares_of_ranks_are_disjoint_and_whole() -> None:
    shares = [share_of_rank(11, rank=rank, ranks=3) for rank in range(3)]
    assert [index for share in shares for index in share] == list(range(11))
    assert {len(share) for share in shares} == {3, 4}
