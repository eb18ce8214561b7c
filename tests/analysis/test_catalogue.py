"""The catalogue says what the types and the registries say."""

import pytest

from sasa_nas.analysis import catalogue
from sasa_nas.channel_attention import CHANNEL_ATTENTIONS
from sasa_nas.detection.named import list_detectors
from sasa_nas.models import list_models
from sasa_nas.operators import OPERATORS
from sasa_nas.space import shipped_spaces
from sasa_nas.stems import STEMS


@pytest.mark.slow
def test_models() -> None:
    entries = {entry.name: entry for entry in catalogue.models()}
    assert list(entries) == list_models() + list_detectors()
    assert (entries["retinanet_resnet50"].params, entries["se_resnet50"].channel_attention) == (33_397_364, ["se"] * 4)
    assert entries["resnet50"].params == 25_557_032
    assert entries["sasa_resnet26"].operators == ["local_attention"] * 4


def test_spaces_count_their_combinations() -> None:
    entries = {entry.name: entry for entry in catalogue.spaces()}
    assert set(entries) == set(shipped_spaces())
    assert (entries["tiny"].combinations, entries["tiny"].dataset) == (2**3, "digits")
    # stem 1 + 3; operator 2 + 3*2*2 + 2*2*2 + 2*3 + 2*2 = 32; times depth and width of each stage
    stages = [32 * depths * 2 for depths in (2, 2, 3, 2)]
    assert entries["resnet_hybrid"].combinations == 4 * stages[0] * stages[1] * stages[2] * stages[3]


def test_datasets() -> None:
    entries = {entry.name: entry for entry in catalogue.datasets()}
    digits = entries["digits"]
    assert (digits.channels, digits.height, digits.width, digits.num_classes) == (1, 8, 8, 10)
    assert entries["imagefolder:PATH"].num_classes is None


def test_operators_have_every_field_with_its_default() -> None:
    entries = catalogue.operators()
    listed = {
        "operator": [entry.description for entry in OPERATORS],
        "channel_attention": tuple(entry.description for entry in CHANNEL_ATTENTIONS),
        "stem": tuple(entry.description for entry in STEMS),
    }
    models = [(role, model) for role, models in listed.items() for model in models]
    assert [(entry.role, entry.kind) for entry in entries] == [(role, model().kind) for role, model in models]
    for entry, (_, model) in zip(entries, models, strict=True):
        assert {"kind": entry.kind} | {field.name: field.default for field in entry.fields} == model().model_dump()
        assert entry.description


@pytest.mark.parametrize(
    ("kind", "field", "allowed"),
    [
        ("conv", "kernel_size", "odd integer >= 1"),
        ("local_attention", "padding", "mask, zeros"),
        ("pairwise", "key_ratio", "number > 0 and <= 1"),
        ("pairwise", "positions", "true, false"),
        ("augmented_conv", "key_ratio", "number >= 0 and <= 1"),
    ],
)
def test_operators_say_what_is_allowed(kind: str, field: str, allowed: str) -> None:
    fields = next(entry.fields for entry in catalogue.operators() if entry.kind == kind)
    assert next(entry.allowed for entry in fields if entry.name == field) == allowed
