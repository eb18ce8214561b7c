"""Mixtures of images against timm's with the same share and rectangle, and their statistics."""

import random

import pytest
import torch

from sasa_nas.recipes import CutMix, Mixing, MixUp
from sasa_nas.training.full.mixing import Mixture, cut_mixture, draw_mixture, mix, mixed_images, mixed_targets

BOTH = Mixing(mixup=MixUp(alpha=0.1), cutmix=CutMix(alpha=1.0))
SIZE = (12, 10)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 3, *SIZE, generator=generator), torch.randint(5, (6,), generator=generator)


def test_mixup_is_timms() -> None:
    timm = pytest.importorskip("timm.data.mixup")
    images, labels = batch()
    mixture = Mixture(0.7)
    other = images.clone()
    flipped = other.flip(0).mul_(1.0 - 0.7)
    other.mul_(0.7).add_(flipped)
    torch.testing.assert_close(mixed_images(images, mixture), other)
    wanted = timm.mixup_target(labels, 5, lam=0.7)
    torch.testing.assert_close(mixed_targets(labels, mixture, 5), wanted)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.75, 0.99])
@pytest.mark.parametrize("centre", [(0, 0), (6, 5), (11, 9)])
def test_rectangles_are_timms(monkeypatch: pytest.MonkeyPatch, kept: float, centre: tuple[int, int]) -> None:
    timm = pytest.importorskip("timm.data.mixup")
    drawn = iter(centre)
    monkeypatch.setattr(timm.np.random, "randint", lambda *limits, size: next(drawn))
    (top, bottom, left, right), share = timm.cutmix_bbox_and_lam((6, 3, *SIZE), kept)
    own = cut_mixture(kept, SIZE, centre)
    assert own.box == (top, bottom, left, right)
    assert own.share == pytest.approx(share)


def test_a_rectangle_is_the_other_images() -> None:
    images, labels = batch()
    before = images.clone()
    mixed = mixed_images(images, Mixture(0.5, (2, 7, 3, 10)))
    assert torch.equal(images, before)
    for i, image in enumerate(mixed):
        wanted = images[i].clone()
        wanted[:, 2:7, 3:10] = images[5 - i][:, 2:7, 3:10]
        assert torch.equal(image, wanted)
    targets = mixed_targets(labels, Mixture(0.5), 5)
    assert torch.equal(targets.sum(1), torch.ones(6))


def test_shares_and_methods_are_distributed_as_told() -> None:
    generator = torch.Generator().manual_seed(1)
    drawn = [draw_mixture(Mixing(mixup=MixUp(alpha=0.4), cutmix=CutMix(alpha=1.0), probability=0.8), SIZE, generator)
             for _ in range(4000)]  # fmt: skip
    cut = [mixture for mixture in drawn if mixture.box is not None]
    mixed = [mixture.share for mixture in drawn if mixture.box is None and mixture.share != 1.0]
    assert len(cut) / 4000 == pytest.approx(0.4, abs=0.03)
    assert len(mixed) / 4000 == pytest.approx(0.4, abs=0.03)
    # mean and variance of Beta(0.4, 0.4)
    assert sum(mixed) / len(mixed) == pytest.approx(0.5, abs=0.03)
    assert sum((share - 0.5) ** 2 for share in mixed) / len(mixed) == pytest.approx(0.25 / 1.8, abs=0.01)
    # rectangles lose what lies outside: the mean share is that of the same draws by other numbers
    other = random.Random(0)
    wanted = [cut_mixture(other.random(), SIZE, (other.randrange(12), other.randrange(10))).share for _ in range(4000)]
    assert sum(m.share for m in cut) / len(cut) == pytest.approx(sum(wanted) / 4000, abs=0.03)


@pytest.mark.parametrize(
    ("mixing", "kinds"),
    [
        (Mixing(mixup=MixUp(alpha=1.0)), {False}),
        (Mixing(cutmix=CutMix(alpha=1.0)), {True}),
        (Mixing(mixup=MixUp(alpha=1.0), cutmix=CutMix(alpha=1.0), cutmix_share=1.0), {True}),
        (BOTH, {False, True}),
    ],
)
def test_only_what_is_named_is_drawn(mixing: Mixing, kinds: set[bool]) -> None:
    generator = torch.Generator().manual_seed(0)
    assert {draw_mixture(mixing, SIZE, generator).box is not None for _ in range(30)} == kinds


@pytest.mark.parametrize("mixing", [Mixing(), BOTH.model_copy(update={"probability": 0.0})])
def test_nothing_is_mixed(mixing: Mixing) -> None:
    images, labels = batch()
    mixed, targets = mix(images, labels, mixing, 5, torch.Generator().manual_seed(0))
    assert torch.equal(mixed, images)
    assert torch.equal(targets, torch.nn.functional.one_hot(labels, 5).float())


def test_the_same_generator_gives_the_same_mixture() -> None:
    images, labels = batch()
    state = torch.random.get_rng_state()
    first, second, other = (mix(images, labels, BOTH, 5, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[1], other[1])
    assert torch.equal(state, torch.random.get_rng_state())
