"""The description of a detector, part by part, against its totals and published counts."""

import pytest

from sasa_nas.analysis.description import describe
from sasa_nas.detection.named import model_detector


def test_a_detector_has_pyramid_and_heads_in_the_classifiers_place() -> None:
    described = describe(model_detector("retinanet_resnet50"), name="net")
    assert (described.params, described.num_classes) == (33_397_364, 90)
    assert described.flops / 1e9 == pytest.approx(182, rel=0.02)
    assert list(described.after_stages) == ["pyramid", "heads"]
    parts = [described.stem, *described.stages, *described.after_stages.values()]
    assert sum(part.params for part in parts) == described.params
    assert sum(part.flops for part in parts) == described.flops
    small = describe(model_detector("retinanet_resnet50"), name="net", image_size=320)
    assert (small.image.height, small.params) == (320, described.params)
    assert small.architecture_id != described.architecture_id
    assert described.after_stages["pyramid"].output.height == 2 * small.after_stages["pyramid"].output.height
