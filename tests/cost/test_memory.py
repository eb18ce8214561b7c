"""Training memory: by hand for a network of three layers, and against what autograd keeps of real networks."""

import pytest
import torch

from sasa_nas.cost.memory import training_memory
from sasa_nas.models import build
from sasa_nas.operators import OPERATORS, OperatorEntry
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.pairwise import Pairwise
from sasa_nas.space import Architecture, Image, Stage
from sasa_nas.stems.attention import AttentionStem
from sasa_nas.stems.conv import ConvStem
from sasa_nas.testing.costs import kept_by_autograd

IMAGE = Image(channels=1, height=8, width=8)


def kept_of(architecture: Architecture, images: int) -> int:
    """The bytes of everything a real training step of so many images keeps, weights four times."""
    network = build(architecture).train()
    image = architecture.image
    return kept_by_autograd(network, torch.zeros(images, image.channels, image.height, image.width))


def test_by_hand() -> None:
    """A stem and one pre-activation block of 4 channels on maps of 8 x 8, with a convolution of 3 x 3 throughout."""
    architecture = Architecture(
        block="preactivation",
        stem=ConvStem(kernel_size=3, width=4, stride=1, pool=False, activation=False),
        stages=(Stage(blocks=1, width=4, operator=Conv(kernel_size=3)),),
        image=IMAGE,
        num_classes=10,
    )
    pixels = 8 * 8
    params = 1 * 4 * 9 + 2 * 4 * 4 * 9 + 3 * 2 * 4 + (4 + 1) * 10
    # three batch norms, each with two running statistics and a counter of int64
    state = 4 * 4 * params + 3 * (2 * 4 * 4 + 8)
    # mean and inverse deviation of each channel
    fixed = 3 * 2 * 4 * 4
    # the image; stem, rectified norm, convolution, rectified norm, sum, rectified norm: 4 channels; features; logits
    per_image = 4 * (pixels + 6 * 4 * pixels + 4 + 10)
    found = training_memory(architecture)
    assert (found.state, found.fixed, found.per_image) == (state, fixed, per_image)
    assert found.of_batch(32) == state + fixed + 32 * per_image


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
@pytest.mark.parametrize("entry", OPERATORS, ids=lambda entry: entry.kind)
def test_counts_are_what_autograd_keeps(entry: OperatorEntry, block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # on a CPU attention over so small a map would hold all logits, which is not what is counted
    monkeypatch.setenv("SASA_NAS_BACKEND", "blocks")
    operator = entry.description(**entry.examples[0])
    stages = (Stage(blocks=2, width=16, operator=operator), Stage(blocks=1, width=16, stride=2, operator=operator))
    architecture = Architecture(block=block, stages=stages, image=IMAGE, num_classes=10)
    found = training_memory(architecture)
    for images in (2, 5):
        assert found.of_batch(images) == kept_of(architecture, images)


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(
            block="san", stages=(Stage(blocks=1, width=16, operator=Pairwise()),), image=IMAGE, num_classes=10
        ),
        Architecture(
            block="inverted",
            stages=(Stage(blocks=2, width=8, expansion=3), Stage(blocks=1, width=8, stride=2, expansion=2)),
            image=IMAGE,
            num_classes=10,
        ),
        Architecture(
            block="basic",
            stem=AttentionStem(kernel_size=2, width=16, num_heads=2),
            stages=(Stage(blocks=1, width=16),),
            image=IMAGE,
            num_classes=10,
            head_width=24,
        ),
    ],
    ids=["san", "inverted", "attention stem and head"],
)
def test_other_blocks_stems_and_heads(architecture: Architecture) -> None:
    assert training_memory(architecture).of_batch(3) == kept_of(architecture, 3)
