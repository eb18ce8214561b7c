import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sasa_nas.data.digits import DIGITS, load_digits
from sasa_nas.data.known import DATASETS, register_dataset
from sasa_nas.data.registry import dataset_info, dataset_names, load
from sasa_nas.errors import UserError
from sasa_nas.synthetic import TASKS


def test_published_facts():
    facts = {
        "digits": (1, 8, 10, False),
        "cifar10": (3, 32, 10, True),
        "cifar100": (3, 32, 100, True),
        "mnist": (1, 28, 10, False),
        "fashion_mnist": (1, 28, 10, True),
        "kmnist": (1, 28, 10, False),
        "svhn": (3, 32, 10, False),
        "synthetic-images:matching": (3, 16, 3, False),
    }
    assert set(dataset_names()) == {*facts, *TASKS, "imagefolder:PATH", "coco:PATH"}
    for name, expected in facts.items():
        info = dataset_info(name)
        assert (info.channels, info.height, info.num_classes, info.flip) == expected
        assert info.width == info.height
        assert info.name == name


def test_size_scales_the_shift():
    assert dataset_info("cifar10", image_size=64).shift == 8
    assert dataset_info("cifar10", image_size=4).shift == 1
    assert dataset_info("cifar10", image_size=64).width == 64


def test_unknown_name_is_answered_with_the_nearest_and_all():
    with pytest.raises(UserError, match=r"'fashion-mnist'; did you mean 'fashion_mnist'\? known: digits, .*PATH"):
        dataset_info("fashion-mnist")
    with pytest.raises(UserError, match="unknown dataset 'zzz'; known"):
        load("zzz")


def test_a_data_set_of_ones_own_is_resized_and_subset():
    seen = []

    def load_mine(info, data_dir):
        seen.append((info.height, data_dir))
        return load_digits(replace(DIGITS, height=info.height, width=info.width))

    mine = replace(DIGITS, name="mine", shift=2)
    with pytest.raises(ValueError, match="'digits' is registered already"):
        register_dataset(DIGITS, load_mine)
    register_dataset(mine, load_mine)
    try:
        assert "mine" in dataset_names()
        assert dataset_info("mine", image_size=16).shift == 4
        splits = load("mine", image_size=4, train_images=50, data_dir=Path("here"))
    finally:
        del DATASETS["mine"]
    assert seen == [(4, Path("here"))]
    assert splits.train.images.shape == (50, 1, 4, 4)


def test_boxes_are_no_classes():
    with pytest.raises(UserError, match="'coco:/somewhere' holds boxes for detectors"):
        load("coco:/somewhere")


def test_tiny_size_is_refused():
    with pytest.raises(UserError, match="image size 3"):
        dataset_info("digits", image_size=3)


def test_splits_reach_another_process_whole():
    splits = pickle.loads(pickle.dumps(load("digits")))  # noqa: S301 - our own bytes
    assert torch.equal(splits.load_test().images, load("digits").load_test().images)


@pytest.mark.slow
def test_names_come_without_heavy_imports():
    code = (
        "import sys; from sasa_nas.data.registry import dataset_info; dataset_info('cifar10'); "
        "print([name for name in ('sklearn', 'torchvision', 'PIL', 'ray', 'optuna') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
