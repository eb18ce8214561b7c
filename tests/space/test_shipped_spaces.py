"""Whatever is drawn from the spaces that ship can be built, counted and run, at its size and at the proxy's."""

from random import Random

import pytest
import torch

from sasa_nas.models import build
from sasa_nas.space import Architecture, Image, load_space, proxy_of, sample, shipped_spaces, size
from sasa_nas.space.choosers import LatinHypercubeChooser

SPACES = sorted(shipped_spaces())
IMAGES = [(28, 28), (32, 48), (96, 65)]


def designs(name: str, number: int) -> list[Architecture]:
    chooser = LatinHypercubeChooser(Random(0))
    space = load_space(name)
    return [sample(space, chooser) for _ in range(number)]


def run(architecture: Architecture, device: str) -> None:
    with torch.device(device):
        network = build(architecture).eval()
        images = torch.zeros(2, architecture.image.channels, architecture.image.height, architecture.image.width)
    with torch.no_grad():
        logits = network(images)
    assert logits.shape == (2, architecture.num_classes)
    assert device == "meta" or bool(logits.isfinite().all())


@pytest.mark.parametrize("image", IMAGES, ids=str)
@pytest.mark.parametrize("name", SPACES)
def test_the_proxies_of_designs_build_and_run(name: str, image: tuple[int, int]) -> None:
    space = load_space(name)
    for design in designs(name, 3):
        run(proxy_of(design, space.proxy, Image(channels=1, height=image[0], width=image[1]), 10), "meta")


@pytest.mark.parametrize("name", SPACES)
def test_the_proxies_of_designs_run_on_digits(name: str) -> None:
    space = load_space(name)
    for design in designs(name, 3):
        run(proxy_of(design, space.proxy, Image(channels=1, height=8, width=8), 10), "cpu")


@pytest.mark.parametrize("name", SPACES)
def test_designs_build_and_run_at_full_size(name: str) -> None:
    for design in designs(name, 3):
        run(design, "meta")


@pytest.mark.parametrize("name", SPACES)
def test_draws_are_of_many_networks_and_none_is_infeasible(name: str) -> None:
    drawn = {design.id for design in designs(name, 50)}
    assert len(drawn) >= min(size(load_space(name)), 40)


@pytest.mark.parametrize("name", SPACES)
def test_the_spaces_describe_themselves(name: str) -> None:
    assert load_space(name).description
