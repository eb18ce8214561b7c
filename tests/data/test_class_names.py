"""Names of the classes of the classic data sets: those of torchvision, and as many as there are classes."""

import pytest
from torchvision.datasets import KMNIST, FashionMNIST

from sasa_nas.data.registry import dataset_info


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "digits", "fashion_mnist", "kmnist", "mnist", "svhn"])
def test_every_class_has_a_name_of_its_own(name: str) -> None:
    info = dataset_info(name)
    assert len(set(info.class_names)) == info.num_classes


def test_the_names_are_those_of_torchvision() -> None:
    assert list(dataset_info("fashion_mnist").class_names) == FashionMNIST.classes
    assert list(dataset_info("kmnist").class_names) == KMNIST.classes


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_those_of_cifar_are_in_the_order_of_the_alphabet(name: str) -> None:
    names = list(dataset_info(name).class_names)
    assert names == sorted(names)
