import math

import pytest
import torch

from sasa_nas.data import preprocess
from sasa_nas.data.preprocess import require_memory, resize, standardisation_of
from sasa_nas.data.splits import DatasetInfo
from sasa_nas.errors import UserError


def test_right_size_is_left_alone():
    images = torch.zeros(2, 1, 4, 4)
    assert resize(images, height=4, width=4) is images


def test_halving_weights_neighbours_by_the_triangle_filter():
    # Halving 8 pixels: output 1 is centred at 4 with a triangle of radius 2 over pixel centres 2.5 ... 5.5.
    images = torch.arange(8, dtype=torch.float32).square().expand(1, 1, 8, 8)
    weights = {i: 1 - abs(i + 0.5 - 3.0) / 2 for i in range(1, 5)}
    expected = sum(w * i**2 for i, w in weights.items()) / sum(weights.values())
    assert resize(images, height=8, width=4)[0, 0, 0, 1].item() == pytest.approx(expected, rel=1e-6)


def test_bytes_are_rounded_and_chunks_do_not_show(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (7, 3, 6, 6), dtype=torch.uint8, generator=generator)
    whole = resize(images.float(), height=9, width=9)
    monkeypatch.setattr(preprocess, "_CHUNK", 2)
    resized = resize(images, height=9, width=9)
    assert resized.dtype == torch.uint8
    assert (resized.float() - whole).abs().max() <= 0.5 + 1e-4


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_statistics_match_a_loop_over_pixels(dtype, monkeypatch):
    monkeypatch.setattr(preprocess, "_CHUNK", 2)
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (5, 2, 3, 4), generator=generator).to(dtype)
    scale = standardisation_of(images)
    for channel in range(2):
        values = [float(v) for v in images[:, channel].flatten()]
        mean = sum(values) / len(values)
        std = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
        assert scale.mean[channel].item() == pytest.approx(mean, rel=1e-6)
        assert scale.std[channel].item() == pytest.approx(std, rel=1e-6)


def test_constant_channel_does_not_divide_by_zero():
    images = torch.full((4, 1, 2, 2), 7, dtype=torch.uint8)
    assert standardisation_of(images).apply(images).abs().max() == 0


def test_too_much_memory_is_refused_with_a_size_that_fits():
    info = DatasetInfo("big", channels=3, height=512, width=512, num_classes=2, flip=True, shift=1)
    with pytest.raises(UserError, match=r"73\.2 GiB.*at most 169 "):
        require_memory(100_000, info)
    require_memory(100_000, DatasetInfo("big", 3, 169, 169, 2, flip=True, shift=1))
    assert preprocess.MAX_BYTES < 100_000 * 3 * 170 * 170
