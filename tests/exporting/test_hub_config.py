"""`config.json` in the form of timm and the Hugging Face Hub. That timm reads it: test_timm_contract.py."""

import json
from typing import Any

import pytest
from export_cases import STEMS, architecture

from sasa_nas.errors import UserError
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.hub_config import check_config, classifier_config


def config(card: ModelCard, stem: str = "conv") -> dict[str, Any]:
    found: dict[str, Any] = classifier_config(card, architecture(stem=stem))
    return found


def test_statistics_are_those_of_pixels_up_to_one() -> None:
    card = ModelCard("n", mean=(4.0, 8.0, 16.0), std=(2.0, 2.0, 4.0), pixel_max=16.0, weights_license="CC0")
    facts = config(card)["pretrained_cfg"]
    assert facts["mean"] == [0.25, 0.5, 1.0]
    assert facts["std"] == [0.125, 0.125, 0.25]
    assert facts["license"] == "CC0"
    assert (facts["interpolation"], facts["crop_pct"], facts["crop_mode"]) == ("bilinear", 1.0, "center")


def test_images_are_prepared_as_in_the_test() -> None:
    facts = config(ModelCard("n", test_size=9, crop=0.875, interpolation="bicubic"))["pretrained_cfg"]
    assert facts["test_input_size"] == [3, 9, 9]
    assert (facts["interpolation"], facts["crop_pct"]) == ("bicubic", 0.875)
    assert "test_input_size" not in config(ModelCard("n"))["pretrained_cfg"]


def test_unknown_statistics_change_nothing_and_unknown_names_are_left_out() -> None:
    found = config(ModelCard("n"))
    assert found["pretrained_cfg"]["mean"] == [0.0] * 3
    assert found["pretrained_cfg"]["std"] == [1.0] * 3
    assert "label_names" not in found
    assert "license" not in found["pretrained_cfg"]
    assert config(ModelCard("n", class_names=("a", "b")))["label_names"] == ["a", "b"]


@pytest.mark.parametrize(
    ("stem", "names"),
    [
        ("conv", "stem.conv"),
        ("attention-plain", ["stem.query", "stem.key", "stem.value"]),
        ("attention-conv-values", ["stem.query", "stem.key", "stem.value"]),
        # its mixed projections of the image are no convolution
        ("attention", None),
    ],
)
def test_convolutions_that_read_the_image_are_named(stem: str, names: object) -> None:
    assert config(ModelCard("n"), stem)["pretrained_cfg"]["first_conv"] == names


def test_every_stem_has_a_configuration_that_is_its_own() -> None:
    for stem in STEMS:
        content = json.dumps(classifier_config(ModelCard("n"), architecture(stem=stem)))
        check_config(content.encode(), architecture(stem=stem))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architecture": "resnet50"}, "has another architecture than"),
        ({"num_classes": 6}, "has another num_classes than"),
        ({"num_features": None}, "has another num_features than"),
        ({"pretrained_cfg": {}}, r"has another pretrained_cfg\.num_classes than"),
        ({"pretrained_cfg": 3}, "is damaged"),
    ],
)
def test_a_configuration_of_another_network_is_named(change: dict[str, Any], words: str) -> None:
    content = json.dumps({**config(ModelCard("n")), **change}).encode()
    with pytest.raises(UserError, match=rf"config\.json {words}"):
        check_config(content, architecture())


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{}", b"[" * 100_000, b"null"])
def test_a_damaged_configuration_is_named(content: bytes) -> None:
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        check_config(content, architecture())
