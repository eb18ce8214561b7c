import pytest
import torch

from sasa_nas.training.seeding import seeded


def draw(seed):
    with seeded(seed):
        return torch.nn.Linear(4, 4).weight.detach().clone()


def test_weights_depend_on_the_seed_alone():
    first = draw(3)
    torch.rand(5)
    assert torch.equal(first, draw(3))
    assert not torch.equal(first, draw(4))


def test_same_numbers_as_a_manual_seed():
    torch.manual_seed(7)
    expected = torch.rand(3)
    with seeded(7):
        assert torch.equal(torch.rand(3), expected)


def test_global_state_is_put_back_even_after_an_error():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    draw(1)
    with pytest.raises(RuntimeError), seeded(2):
        torch.rand(3) @ torch.rand(2)
    assert torch.equal(torch.random.get_rng_state(), before)
