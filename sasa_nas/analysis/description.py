"""What a network consists of and what it costs, part by part: the data that `sasa-nas describe` prints."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict

from sasa_nas.cost import Convention, Counts, Macs, count_network
from sasa_nas.models.plans import HeadPlan, PartPlan, plan_network, stem_output_size
from sasa_nas.space import Architecture, Image, Stage

_TOLD = {"blocks", "width", "stride", "operator"}
"""Fields of a stage that have a place of their own in its description."""


class MacsByKind(BaseModel):
    """`sasa_nas.cost.Macs`, with its total."""

    model_config = ConfigDict(frozen=True)

    conv_linear: int
    qk: int
    qr: int
    av: int
    aggregation: int
    total: int


class PartDescription(BaseModel):
    """The stem, the head or the classifier.

    Attributes:
        kind: The stem's kind; `linear` for the classifier; what a head consists of.
        output: Channels, height and width of what it puts out, 1 x 1 for the classifier.
        params: Parameters.
        macs: Multiply-accumulates of one image.
        flops: Of one image, by the description's convention.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    output: Image
    params: int
    macs: MacsByKind
    flops: int


class StageDescription(BaseModel):
    """One stage.

    Attributes:
        name: `stages[0]`, `stages[1]`, ..., as in a search space's paths.
        operator: Its kind.
        settings: The operator's other fields.
        options: What else of the stage differs from the default, channel attention for one.
        blocks: Residual blocks.
        width: Channels of the operator.
        stride: Of the first block, or of the pool before it.
        output: Channels, height and width of the map it puts out.
        params: Parameters.
        macs: Multiply-accumulates of one image.
        flops: Of one image, by the description's convention.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    operator: str
    settings: dict[str, Any]
    options: dict[str, Any]
    blocks: int
    width: int
    stride: int
    output: Image
    params: int
    macs: MacsByKind
    flops: int


class Description(BaseModel):
    """What `sasa-nas describe --json` prints.

    Attributes:
        name: What the network was called.
        architecture_id: `Architecture.id`, at this image size.
        params: Parameters.
        flops: Of one image, by `convention`.
        convention: How FLOPs are counted; see `sasa_nas.cost.Counts.flops`.
        macs: Multiply-accumulates of one image, by where they arise.
        image: The input.
        num_classes: Outputs of the classifier.
        block: Kind of the residual blocks.
        shortcut: What their shortcuts are where shapes change.
        stem: The first layers.
        stages: In the order of the forward pass.
        head: What stands between the last stage and the classifier, if anything.
        classifier: The mean over the map and the linear layer.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    architecture_id: str
    params: int
    flops: int
    convention: Convention
    macs: MacsByKind
    image: Image
    num_classes: int
    block: str
    shortcut: str
    stem: PartDescription
    stages: list[StageDescription]
    head: PartDescription | None
    classifier: PartDescription


def describe(
    architecture: Architecture, *, name: str, image_size: int | None = None, convention: Convention = "sasa"
) -> Description:
    """Counts `architecture` part by part, for one image.

    Args:
        architecture: Any.
        name: What to call it.
        image_size: Height and width in pixels; the architecture's own where it is left out.
        convention: How to count FLOPs.
    """
    if image_size is not None:
        architecture = _with_image_size(architecture, image_size)
    counts = count_network(architecture)
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
                output=_map(parts[-1].out_channels, parts[-1].out_size),
                params=part.params,
                macs=_macs(part.macs),
                flops=part.flops(convention),
            )
        )
    stem, classifier = counts.parts["stem"], counts.parts["classifier"]
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
        stem=_part(architecture.stem.kind, _map(architecture.stem.width, stem_size), stem, convention),
        stages=stages,
        head=_head(plan.head, counts.parts.get("head"), convention),
        classifier=_part("linear", _map(architecture.num_classes, (1, 1)), classifier, convention),
    )


def _with_image_size(architecture: Architecture, side: int) -> Architecture:
    # not model_copy, which would take along the id of the original
    fields = {name: getattr(architecture, name) for name in Architecture.model_fields}
    return Architecture(**{**fields, "image": _map(architecture.image.channels, (side, side))})


def _options(stage: Stage) -> dict[str, Any]:
    fields = {name: field for name, field in Stage.model_fields.items() if name not in _TOLD}
    changed = {name for name, field in fields.items() if getattr(stage, name) != field.default}
    return stage.model_dump(mode="json", include=changed)


def _head(parts: Sequence[PartPlan], counts: Counts | None, convention: Convention) -> PartDescription | None:
    if counts is None:
        return None
    kind = "1x1 convolution" if any(isinstance(part, HeadPlan) for part in parts) else "norm and ReLU"
    return _part(kind, _map(parts[-1].out_channels, parts[-1].out_size), counts, convention)


def _part(kind: str, output: Image, counts: Counts, convention: Convention) -> PartDescription:
    return PartDescription(
        kind=kind, output=output, params=counts.params, macs=_macs(counts.macs), flops=counts.flops(convention)
    )


def _map(channels: int, size: tuple[int, int]) -> Image:
    return Image(channels=channels, height=size[0], width=size[1])


def _macs(macs: Macs) -> MacsByKind:
    return MacsByKind(**asdict(macs), total=macs.total)
