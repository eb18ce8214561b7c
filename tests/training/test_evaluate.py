import math

import pytest
import torch
from torch import nn

from sasa_nas.data.splits import ImageSet, Standardisation
from sasa_nas.training.evaluate import evaluate


class Flat(nn.Module):
    """Returns the pixels as logits and remembers how it was called."""

    def __init__(self):
        super().__init__()
        self.modes = []
        self.sizes = []

    def forward(self, images):
        self.modes.append((self.training, torch.is_grad_enabled()))
        self.sizes.append(len(images))
        return images.flatten(1)


def example(count=7):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, 1, 1, 3, generator=generator)
    return ImageSet(images, torch.arange(count) % 3)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_matches_a_loop_over_examples(batch_size):
    data = example()
    result = evaluate(Flat(), data, batch_size=batch_size)
    correct, loss = 0, 0.0
    for image, label in zip(data.images, data.labels.tolist(), strict=True):
        logits = image.flatten().tolist()
        correct += max(range(3), key=logits.__getitem__) == label
        loss += math.log(sum(math.exp(value) for value in logits)) - logits[label]
    assert result.accuracy == pytest.approx(correct / 7)
    assert result.loss == pytest.approx(loss / 7, rel=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_every_example_in_evaluation_mode_and_the_mode_put_back(training):
    model = Flat().train(training)
    evaluate(model, example(), batch_size=3)
    assert model.modes == [(False, False)] * 3
    assert model.sizes == [3, 3, 1]
    assert model.training is training


def test_bytes_are_standardised():
    scale = Standardisation(torch.tensor([[[10.0]]]), torch.tensor([[[5.0]]]))
    data = ImageSet(torch.tensor([[[[20, 10]]]], dtype=torch.uint8), torch.tensor([0]), scale)
    assert evaluate(Flat(), data).loss == pytest.approx(math.log(1 + math.exp(-2)), rel=1e-6)


def test_empty_part_is_refused():
    with pytest.raises(ValueError, match=r"^data:"):
        evaluate(Flat(), example(0))
