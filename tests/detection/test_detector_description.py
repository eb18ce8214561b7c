"""Detectors as values: what can be built, identity, and what a file may hold."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sasa_nas.detection.description import Detector, fitted_detector
from sasa_nas.documents import DescriptionError
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.space import Architecture, Stage, load_architecture, load_network, overridden

STAGES = [{"blocks": 1, "width": 8, "stride": stride} for stride in (1, 2, 2, 2)]
BACKBONE: dict[str, Any] = {"block": "basic", "stem": {"kind": "conv", "width": 8}, "stages": STAGES}


def detector(**fields: Any) -> Detector:
    return Detector.model_validate({"backbone": BACKBONE, **fields})


def test_the_usual_choices() -> None:
    usual = detector()
    assert (usual.backbone.image.height, usual.backbone.image.width) == (640, 640)
    assert usual.num_anchors == 6
    assert usual.num_classes == 90
    assert usual.operator.kind == "conv"


def test_the_backbones_own_image_goes_before_the_usual_one() -> None:
    oblong = detector(backbone={**BACKBONE, "image": {"height": 96, "width": 160}})
    assert (oblong.backbone.image.height, oblong.backbone.image.width) == (96, 160)
    built = Detector(backbone=Architecture(stages=(Stage(),) * 4))
    assert built.backbone.image.height == 224


def test_equal_detectors_share_an_id_and_others_do_not() -> None:
    changed = [
        detector(),
        detector(operator={"kind": "local_attention"}),
        detector(pyramid_width=64),
        detector(head_depth=2),
        detector(anchor_scales=[1.0]),
        detector(anchor_ratios=[1.0]),
        detector(num_classes=3),
        detector(backbone={**BACKBONE, "image": {"height": 64, "width": 64}}),
        detector(backbone={**BACKBONE, "stages": [*STAGES, STAGES[-1]]}),
    ]
    assert len({design.id for design in changed}) == len(set(changed)) == len(changed)
    assert detector().id == Detector.model_validate(json.loads(detector().to_json())).id
    assert detector().id != detector().backbone.id


def test_an_id_never_changes() -> None:
    # written down when it was first computed: trainings on disk name their networks so
    assert detector().id == "0da14409fe8f"


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({"backbone": {**BACKBONE, "block": "san"}}, "backbone.block", "cannot stand on san blocks, only on"),
        ({"backbone": {**BACKBONE, "stages": STAGES[:3]}}, "backbone.stages", "four stages or more, not 3"),
        ({"backbone": {**BACKBONE, "image": {"channels": 1}}}, "backbone.image.channels", "red, green and blue, not 1"),
        ({"backbone": {**BACKBONE, "num_classes": 7}}, "backbone.num_classes", "no meaning in a detector's backbone"),
        ({"backbone": {**BACKBONE, "head_width": 7}}, "backbone.head_width", "no meaning in a detector's backbone"),
        ({"operator": {"kind": "local_attention", "num_heads": 3}}, "operator.num_heads", "does not divide width=256"),
        ({"operator": {"kind": "local_attention", "num_heads": 2, "kernel_size": 4}}, "kernel_size", "must be odd"),
        (
            {"pyramid_width": 20, "operator": {"kind": "pairwise"}},
            "operator.share_channels",
            "does not divide width=20",
        ),
        ({"anchor_scales": []}, "anchor_scales", "at least one"),
        ({"anchor_ratios": [1.0, 0.0]}, "anchor_ratios[1]", "greater than 0"),
        ({"head_depth": 0}, "head_depth", "greater than or equal to 1"),
        ({"haed_depth": 2}, "haed_depth", "did you mean 'head_depth'"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(
    tmp_path: Path, fields: dict[str, Any], place: str, words: str
) -> None:
    file = tmp_path / "detector.json"
    file.write_text(json.dumps({"backbone": BACKBONE, **fields}))
    with pytest.raises(DescriptionError) as caught:
        load_network(file)
    message = str(caught.value)
    assert place in message
    assert words in message
    assert "\n" not in message


def test_detectors_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        detector().num_classes = 5  # type: ignore[misc]


def test_files_hold_classifiers_or_detectors(tmp_path: Path) -> None:
    design = detector(operator={"kind": "local_attention"}, num_classes=3)
    (tmp_path / "detector.json").write_text(design.to_json())
    (tmp_path / "classifier.json").write_text(Architecture.model_validate(BACKBONE).to_json())
    assert load_network(tmp_path / "detector.json") == design
    assert load_network(tmp_path / "classifier.json") == Architecture.model_validate(BACKBONE)
    with pytest.raises(DescriptionError, match="describes a detector"):
        load_architecture(tmp_path / "detector.json")


def test_any_field_can_be_changed_by_its_path() -> None:
    changed = overridden(detector(), ["operator.kind=local_attention", "backbone.stages[*].blocks=2", "head_depth=1"])
    assert changed.operator == LocalAttention()
    assert [stage.blocks for stage in changed.backbone.stages] == [2] * 4
    with pytest.raises(DescriptionError, match="no meaning"):
        overridden(detector(), ["backbone.num_classes=5"])


def test_fitting_changes_classes_and_size_alone() -> None:
    base = detector(pyramid_width=64)
    fitted = fitted_detector(base, num_classes=4, image_size=96)
    assert fitted == detector(
        pyramid_width=64, num_classes=4, backbone={**BACKBONE, "image": {"height": 96, "width": 96}}
    )
    oblong = detector(backbone={**BACKBONE, "image": {"height": 96, "width": 160}})
    assert fitted_detector(oblong, num_classes=4).backbone == oblong.backbone
