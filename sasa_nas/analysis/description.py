"""What a network consists of and what it costs, part by part: the data that `sasa-nas describe` prints."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict

from sasa_nas.blocks.plans import HeadPlan
from sasa_nas.cost import Convention, Counts, Macs, NetworkCounts, count_network
from sasa_nas.cost.latency import Latency
from sasa_nas.cost.latency_cache import Setting
from sasa_nas.cost.memory import training_memory
from sasa_nas.models.plans import plan_network, stem_output_size
from sasa_nas.nodes import Node
from sasa_nas.space import Architecture, Image, Stage
from sasa_nas.detection.description import Detector

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
    """The stem, the head, the classifier, or what a detector has in the classifier's place.

    Attributes:
        kind: The stem's kind; `linear` for the classifier; the operator of pyramid and heads; what a head consists of.
        output: Channels, height and width of what it puts out: 1 x 1 for the classifier, the finest level of a
            pyramid, and what a detector's heads say at each place of that level.
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


class LatencyDescription(BaseModel):
    """The measured time of one forward pass.

    Attributes:
        batch: Images of the pass.
        seconds: Median over the calls.
        low: Lower quartile.
        high: Upper quartile.
        calls: How many were measured.
        device: What it ran on.
        threads: Of the CPU.
        dtype: Of weights and images.
    """

    model_config = ConfigDict(frozen=True)

    batch: int
    seconds: float
    low: float
    high: float
    calls: int
    device: str
    threads: int
    dtype: str


class MemoryDescription(BaseModel):
    """What a training step keeps, in bytes; see `sasa_nas.cost.memory`.

    Attributes:
        fixed: Whatever the batch.
        per_image: For each image of the batch.
    """

    model_config = ConfigDict(frozen=True)

    fixed: int
    per_image: int


class Description(BaseModel):
    """What `sasa-nas describe --json` prints.

    Attributes:
        name: What the network was called.
        architecture_id: `Architecture.id`, or `Detector.id`, at this image size.
        params: Parameters.
        flops: Of one image, by `convention`.
        convention: How FLOPs are counted; see `sasa_nas.cost.Counts.flops`.
        macs: Multiply-accumulates of one image, by where they arise.
        image: The input.
        num_classes: Outputs of the classifier, or classes of objects.
        block: Kind of the residual blocks.
        shortcut: What their shortcuts are where shapes change.
        stem: The first layers.
        stages: In the order of the forward pass.
        head: What stands between the last stage and the classifier, if anything.
        classifier: The mean over the map and the linear layer; None for a detector.
        pyramid: A detector's feature pyramid.
        heads: A detector's heads, on all levels.
        training_memory: None for a detector.
        latency: One for each batch that was measured; None where none was.
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
    head: PartDescription | None = None
    classifier: PartDescription | None = None
    pyramid: PartDescription | None = None
    heads: PartDescription | None = None
    training_memory: MemoryDescription | None = None
    latency: list[LatencyDescription] | None = None

    @property
    def after_stages(self) -> dict[str, PartDescription]:
        """The parts behind the stages, by name, in the order of the forward pass."""
        parts = {
            "head": self.head,
            "classifier": self.classifier,
            "pyramid": self.pyramid,
            "heads": self.heads,
        }
        return {name: part for name, part in parts.items() if part is not None}


def describe(
    network: Architecture | Detector, *, name: str, image_size: int | None = None, convention: Convention = "sasa"
) -> Description:
    """Counts a network part by part, for one image.

    Args:
        network: Any.
        name: What to call it.
        image_size: Height and width in pixels; the network's own where it is left out.
        convention: How to count FLOPs.
    """
    if isinstance(network, Detector):
        return _describe_detector(network, name, image_size, convention)
    architecture = network if image_size is None else _with_image_size(network, image_size)
    counts = count_network(architecture)
    description = _describe_trunk(architecture, counts, name, convention)
    output = _map(architecture.num_classes, (1, 1))
    classifier = _part("linear", output, counts.parts["classifier"], convention)
    memory = training_memory(architecture)
    return description.model_copy(
        update={
            "head": _head(architecture, counts.parts.get("head"), convention),
            "classifier": classifier,
            "training_memory": MemoryDescription(fixed=memory.of_batch(0), per_image=memory.per_image),
        }
    )


def with_latency(description: Description, latencies: Sequence[Latency], setting: Setting) -> Description:
    """Adds what was measured, and on what."""
    dtype = str(setting.dtype).removeprefix("torch.")
    facts = {"device": setting.device_name, "threads": setting.threads, "dtype": dtype}
    told = [LatencyDescription(**asdict(latency), **facts) for latency in latencies]
    return description.model_copy(update={"latency": told})


def _describe_detector(detector: Detector, name: str, image_size: int | None, convention: Convention) -> Description:
    # torchvision takes half a second to import
    from sasa_nas.detection.cost import count_detector
    from sasa_nas.detection.network.plan import plan_pyramid

    if image_size is not None:
        backbone = _with_image_size(detector.backbone, image_size)
        detector = Detector.model_validate({**_fields(detector), "backbone": backbone})
    counts = count_detector(detector)
    finest = plan_pyramid(detector).levels[0]
    answers = detector.num_anchors * (detector.num_classes + 4)
    kind = detector.operator.kind
    return _describe_trunk(detector.backbone, counts, name, convention).model_copy(
        update={
            "architecture_id": detector.id,
            "num_classes": detector.num_classes,
            "pyramid": _part(kind, _map(finest.channels, finest.size), counts.parts["pyramid"], convention),
            "heads": _part(kind, _map(answers, finest.size), counts.parts["heads"], convention),
        }
    )


def _describe_trunk(
    architecture: Architecture, counts: NetworkCounts, name: str, convention: Convention
) -> Description:
    """The description up to the last stage, with the totals of the whole network."""
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
    stem = _part(architecture.stem.kind, _map(architecture.stem.width, stem_size), counts.parts["stem"], convention)
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


def _with_image_size(architecture: Architecture, side: int) -> Architecture:
    # not model_copy: what the size breaks must show
    return Architecture(**{**_fields(architecture), "image": _map(architecture.image.channels, (side, side))})


def _fields(node: Node) -> dict[str, Any]:
    return {name: getattr(node, name) for name in type(node).model_fields}


def _options(stage: Stage) -> dict[str, Any]:
    fields = {name: field for name, field in Stage.model_fields.items() if name not in _TOLD}
    changed = {name for name, field in fields.items() if getattr(stage, name) != field.default}
    return stage.model_dump(mode="json", include=changed)


def _head(architecture: Architecture, counts: Counts | None, convention: Convention) -> PartDescription | None:
    if counts is None:
        return None
    last = plan_network(architecture).last
    kind = "1x1 convolution" if isinstance(last, HeadPlan) else "norm and ReLU"
    return _part(kind, _map(last.out_channels, last.out_size), counts, convention)


def _part(kind: str, output: Image, counts: Counts, convention: Convention) -> PartDescription:
    return PartDescription(
        kind=kind, output=output, params=counts.params, macs=_macs(counts.macs), flops=counts.flops(convention)
    )


def _map(channels: int, size: tuple[int, int]) -> Image:
    return Image(channels=channels, height=size[0], width=size[1])


def _macs(macs: Macs) -> MacsByKind:
    return MacsByKind(**asdict(macs), total=macs.total)
