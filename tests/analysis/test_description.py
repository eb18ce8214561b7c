"""A description against the built network, its own parts, and published counts."""

import pytest

from sasa_nas.analysis.description import Description, describe
from sasa_nas.cost import CONVENTIONS
from sasa_nas.models import build, model_architecture
from sasa_nas.operators.conv import Conv
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.space import Architecture, Image, Stage


def _parts(described: Description) -> list[tuple[int, int, int]]:
    parts = [described.stem, *described.stages, described.classifier]
    return [(part.params, part.macs.total, part.flops) for part in parts]


def test_resnet50_has_its_published_size() -> None:
    described = describe(model_architecture("resnet50"), name="resnet50")
    assert described.params == 25_557_032
    assert [stage.output.height for stage in described.stages] == [56, 28, 14, 7]
    assert [stage.output.channels for stage in described.stages] == [256, 512, 1024, 2048]
    assert described.flops == 2 * described.macs.total
    assert described.architecture_id == model_architecture("resnet50").id


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_parts_add_up(convention) -> None:
    architecture = Architecture(
        stages=(Stage(operator=LocalAttention(num_heads=4)), Stage(blocks=1, stride=2, operator=Conv(kernel_size=5))),
        image=Image(channels=1, height=32, width=24),
        num_classes=7,
    )
    described = describe(architecture, name="net", convention=convention)
    totals = tuple(map(sum, zip(*_parts(described), strict=True)))
    assert totals == (described.params, described.macs.total, described.flops)
    assert described.params == sum(p.numel() for p in build(architecture).parameters())
    kinds = described.macs.model_dump(exclude={"total"})
    assert sum(kinds.values()) == described.macs.total
    assert (described.image.height, described.image.width, described.num_classes) == (32, 24, 7)
    assert described.stages[1].settings == {"kernel_size": 5}
    assert (described.stages[1].output.height, described.stages[1].output.width) == (4, 3)


def test_image_size_replaces_height_and_width_and_changes_the_id() -> None:
    architecture = model_architecture("resnet18")
    assert architecture.id  # remembered in the object, which must not leak into the copy
    described = describe(architecture, name="net", image_size=64)
    assert (described.image.channels, described.image.height, described.image.width) == (3, 64, 64)
    assert described.params == 11_689_512
    fresh = Architecture.model_validate({**architecture.model_dump(), "image": {"height": 64, "width": 64}})
    assert described.architecture_id == fresh.id != architecture.id
