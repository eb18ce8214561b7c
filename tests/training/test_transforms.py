import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sasa_nas.data.splits import ImageSet, Standardisation
from sasa_nas.errors import UserError
from sasa_nas.training.transforms import FLIPS, ROTATIONS, rotate, transformed


def images(height, width, *, count=2):
    return torch.arange(count * 3 * height * width).view(count, 3, height, width)


@given(height=st.integers(1, 5), width=st.integers(1, 5), turns=st.integers(-5, 5))
def test_rotation_is_numpys_the_other_way_round(height, width, turns):
    maps = images(height, width)
    expected = np.rot90(maps.numpy(), k=-turns, axes=(2, 3))
    assert np.array_equal(rotate(maps, turns).numpy(), expected)


def test_clockwise_means_that_the_top_left_goes_to_the_top_right():
    maps = torch.tensor([[[[1, 2], [3, 4]]]])
    assert rotate(maps, 1)[0, 0].tolist() == [[3, 1], [4, 2]]
    assert {name: view(maps)[0, 0].tolist() for name, view in (ROTATIONS | FLIPS).items()} == {
        "rotate_90": [[3, 1], [4, 2]],
        "rotate_180": [[4, 3], [2, 1]],
        "rotate_270": [[2, 4], [1, 3]],
        "flip_upside_down": [[3, 4], [1, 2]],
        "flip_left_right": [[2, 1], [4, 3]],
    }


@pytest.mark.parametrize("name", sorted(ROTATIONS | FLIPS))
def test_labels_and_standardisation_stay(name):
    scale = Standardisation(torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
    data = ImageSet(images(4, 4).to(torch.uint8), torch.tensor([1, 0]), scale)
    turned = transformed(data, (ROTATIONS | FLIPS)[name])
    assert turned.labels is data.labels
    assert turned.standardisation is scale
    assert turned.images.is_contiguous()
    assert torch.equal(turned.inputs(slice(None)), (ROTATIONS | FLIPS)[name](data.images).float())


def test_only_what_keeps_the_shape_is_done_to_oblong_images():
    data = ImageSet(images(4, 6).float(), torch.tensor([1, 0]))
    for name in ("rotate_90", "rotate_270"):
        with pytest.raises(UserError, match=r"images of 4x6 pixels cannot be turned by 90 degrees"):
            transformed(data, ROTATIONS[name])
    for view in (ROTATIONS["rotate_180"], *FLIPS.values()):
        assert transformed(data, view).images.shape == data.images.shape
