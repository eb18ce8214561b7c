import re

import pytest
from export_cases import architecture, trained_like

from sasa_nas.exporting.card import ModelCard, plain_line, render_card

FULL = ModelCard(
    "my network",
    dataset="digits",
    accuracy=0.98765,
    epochs=12,
    mean=(4.5,),
    std=(6.0,),
    class_names=("cat", "dog|wolf"),
    training_command="sasa-nas train x.json\n--epochs 12",
    export_command="sasa-nas export runs/a",
    versions={"torch": "2.11", "sasa-nas": "0.1"},
    weights_license="CC BY 4.0",
)


def test_what_is_known_is_told():
    text = render_card(FULL, architecture())
    facts = dict(re.findall(r"^\| (.+?) \| (.+) \|$", text, re.MULTILINE))
    params = sum(p.numel() for p in trained_like(architecture()).parameters())
    assert facts["Dataset"] == "digits"
    assert facts["Accuracy (validation)"] == "98.77%"
    assert facts["Epochs"] == "12"
    assert facts["Parameters"] == f"{params:,}"
    assert facts["Architecture"] == architecture().id
    assert facts["Class names"] == r"cat, dog\|wolf"
    assert facts["Trained with"] == "torch 2.11, sasa-nas 0.1"
    for phrase in (
        "# my network\n",
        "| Code | Apache-2.0",
        "CC BY 4.0",
        "mean 4.5; std 6",
        "    sasa-nas export runs/a\n",
    ):
        assert phrase in text
    assert "    sasa-nas train x.json --epochs 12\n" in text


def test_the_hub_reads_the_cards_metadata():
    hub = pytest.importorskip("huggingface_hub")
    name = 'a "net": with #odd\nsigns'
    card = ModelCard(name, dataset="digits", accuracy=0.9, test_accuracy=0.8, weights_license="CC BY 4.0")
    data = hub.ModelCard(render_card(card, architecture(), ("module", "onnx"))).data
    assert (data.library_name, data.pipeline_tag, data.license) == ("timm", "image-classification", "cc-by-4.0")
    assert data.tags == ["image-classification", "timm", "onnx", "sasa-nas"]
    assert data.model_name == 'a "net": with #odd signs'
    assert [(found.dataset_name, found.dataset_split, found.metric_value) for found in data.eval_results] == [
        ("digits", "validation", 0.9),
        ("digits", "test", 0.8),
    ]
    own = ModelCard("n", weights_license="ask me: I know")
    data = hub.ModelCard(render_card(own, architecture(), ("torch_export",))).data
    assert (data.license, data.license_name, data.library_name) == ("other", "ask me: I know", None)
    assert data.eval_results is None
    assert hub.ModelCard(render_card(ModelCard("n"), architecture())).data.license is None


def test_what_is_unknown_is_left_out():
    text = render_card(ModelCard("n"), architecture())
    assert "None" not in text
    for word in ("Accuracy", "Dataset", "Epochs", "Trained by", "Exported by"):
        assert word not in text
    assert "| Code | Apache-2.0" in text
    assert "must be standardised" in text


def test_an_accuracy_of_zero_is_known():
    assert "0.00%" in render_card(ModelCard("n", accuracy=0.0, epochs=0), architecture())


def test_plain_lines_have_no_breaks_and_no_control_characters():
    assert plain_line(" a\n\tb\r\u2029c\0\x1b[1m\ud800é ") == "a b c[1mé"
