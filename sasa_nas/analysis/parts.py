"""Descriptions of the parts of a network, and of a whole classifier."""

from dataclasses import asdict
from typing import Any

from sasa_nas.analysis.description import Description, MacsByKind, MemoryDescription, PartDescription, StageDescription
from sasa_nas.blocks.plans import HeadPlan
from sasa_nas.cost import Convention, Counts, Macs, NetworkCounts, count_network
from sasa_nas.cost.memory import training_memory
from sasa_nas.models.plans import plan_network, stem_output_size
from sasa_nas.space import Architecture, Image, Stage

_SEPARATE_FIELDS = {"blocks", "width", "stride", "operator"}
"""Fields of a stage that its description holds separately."""


def describe_classifier(
    architecture: Architecture, *, name: str, image_size: int | None, convention: Convention
) -> Description:
    """Count a classifier part by part; see `analysis.description.describe`."""
    if image_size is not None:
        architecture = with_image_size(architecture, image_size)
    counts = count_network(architecture)
    output = map_description(architecture.num_classes, (1, 1))
    memory = training_memory(architecture)
    return describe_trunk(architecture, counts, name, convention).model_copy(
        update={
            "head": _head(architecture, counts.parts.get("head"), convention),
            "classifier": describe_part("linear", output, counts.parts["classifier"], convention),
            "training_memory": MemoryDescription(fixed=memory.of_batch(0), per_image=memory.per_image),
        }
    )


def describe_trunk(architecture: Architecture, counts: NetworkCounts, name: str, convention: Convention) -> Description:
    """Return the description up to the last stage, with the totals of the whole network.

    Args:
        architecture: Stem and stages.
        counts: Counts of the whole network.
        name: Name of the network.
        convention: Convention of counting FLOPs.
    """
    plan = plan_network(architecture)
    image = architecture.image
    stem_size = stem_output_size(architecture.stem, (image.height, image.width))
    stages = []
    for i, (stage, parts) in enumerate(zip(architecture.stages, plan.stages, strict=True)):
        part = counts.parts[f"stages[{i}]"]
        stages.append(
            StageDescription(
                name=f"stages[{i}]",
                operator=stage.operator.kind,
                settings=stage.operator.model_dump(mode="json", exclude={"kind"}),
                options=_options(stage),
                blocks=stage.blocks,
                width=stage.width,
                stride=stage.stride,
                output=map_description(parts[-1].out_channels, parts[-1].out_size),
                params=part.params,
                macs=_macs(part.macs),
                flops=part.flops(convention),
            )
        )
    stem = describe_part(
        architecture.stem.kind, map_description(architecture.stem.width, stem_size), counts.parts["stem"], convention
    )
    return Description(
        name=name,
        architecture_id=architecture.id,
        params=counts.total.params,
        flops=counts.total.flops(convention),
        convention=convention,
        macs=_macs(counts.total.macs),
        image=image,
        num_classes=architecture.num_classes,
        block=architecture.block,
        shortcut=architecture.shortcut,
        stem=stem,
        stages=stages,
    )


def with_image_size(architecture: Architecture, side: int) -> Architecture:
    """Return an architecture for square images, validated anew.

    Args:
        architecture: The architecture.
        side: Height and width in pixels.
    """
    # not model_copy: what the size breaks must show
    fields = {name: getattr(architecture, name) for name in type(architecture).model_fields}
    return Architecture(**{**fields, "image": map_description(architecture.image.channels, (side, side))})


def _options(stage: Stage) -> dict[str, Any]:
    fields = {name: field for name, field in Stage.model_fields.items() if name not in _SEPARATE_FIELDS}
    changed = {name for name, field in fields.items() if getattr(stage, name) != field.default}
    return stage.model_dump(mode="json", include=changed)


def _head(architecture: Architecture, counts: Counts | None, convention: Convention) -> PartDescription | None:
    if counts is None:
        return None
    last = plan_network(architecture).last
    kind = "1x1 convolution" if isinstance(last, HeadPlan) else "norm and ReLU"
    return describe_part(kind, map_description(last.out_channels, last.out_size), counts, convention)


def describe_part(kind: str, output: Image, counts: Counts, convention: Convention) -> PartDescription:
    """Return the description of a part.

    Args:
        kind: Kind of the part.
        output: Channels, height and width of its output.
        counts: Counts of the part.
        convention: Convention of counting FLOPs.
    """
    return PartDescription(
        kind=kind, output=output, params=counts.params, macs=_macs(counts.macs), flops=counts.flops(convention)
    )


def map_description(channels: int, size: tuple[int, int]) -> Image:
    """Return a map's channels, height and width."""
    return Image(channels=channels, height=size[0], width=size[1])


def _macs(macs: Macs) -> MacsByKind:
    return MacsByKind(**asdict(macs), total=macs.total)
