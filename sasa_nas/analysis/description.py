"""Structure and cost of a network, part by part: the data printed by `sasa-nas describe`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict

from sasa_nas.cost import Convention
from sasa_nas.cost.latency import Latency
from sasa_nas.cost.latency_cache import Setting
from sasa_nas.nodes import resolve
from sasa_nas.space import Image, NetworkDescription
from sasa_nas.tasks import TASKS


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
    """A part of a network beside its stages: the stem, the head, the classifier.

    Attributes:
        kind: The stem's kind; `linear` for the classifier; what a head consists of.
        output: Channels, height and width of its output: 1 x 1 for the classifier.
        params: Number of parameters.
        macs: Multiply-accumulates of one image.
        flops: FLOPs of one image, by the description's convention.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    output: Image
    params: int
    macs: MacsByKind
    flops: int


class StageDescription(BaseModel):
    """A stage of a network.

    Attributes:
        name: `stages[0]`, `stages[1]`, ..., as in a search space's paths.
        operator: Kind of the operator.
        settings: The operator's other fields.
        options: Other settings of the stage that differ from their defaults, such as channel attention.
        blocks: Number of residual blocks.
        width: Channels of the operator.
        stride: Stride of the first block, or of the pool before it.
        output: Channels, height and width of its output.
        params: Number of parameters.
        macs: Multiply-accumulates of one image.
        flops: FLOPs of one image, by the description's convention.
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
        batch: Images per pass.
        seconds: Median over the calls.
        low: Lower quartile, in seconds.
        high: Upper quartile, in seconds.
        calls: Number of measured calls.
        device: Device of the measurement.
        threads: Number of CPU threads.
        dtype: Type of weights and images.
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
    """Memory of a training step, in bytes; see `sasa_nas.cost.memory`.

    Attributes:
        fixed: Bytes at any batch size.
        per_image: Bytes per image of the batch.
    """

    model_config = ConfigDict(frozen=True)

    fixed: int
    per_image: int


class Description(BaseModel):
    """The data printed by `sasa-nas describe --json`; networks of other tasks may have more parts after the stages.

    Attributes:
        name: Name of the network.
        architecture_id: `NetworkDescription.id` at this image size.
        params: Number of parameters.
        flops: FLOPs of one image, by `convention`.
        convention: Convention of counting FLOPs; see `sasa_nas.cost.Counts.flops`.
        macs: Multiply-accumulates of one image, by kind.
        image: Size of the input.
        num_classes: Number of classes.
        block: Kind of the residual blocks.
        shortcut: Kind of the shortcuts where shapes change.
        stem: The first layers.
        stages: The stages, in the order of the forward pass.
        head: The part between the last stage and the classifier, if any.
        classifier: The mean over the map and the linear layer, if the network has one.
        training_memory: Memory of a training step; None if it cannot be estimated.
        latency: Latency at each measured batch size; None if not measured.
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
    training_memory: MemoryDescription | None = None
    latency: list[LatencyDescription] | None = None

    @property
    def after_stages(self) -> dict[str, PartDescription]:
        """The parts after the stages, by name, in the order of the forward pass."""
        parts = {"head": self.head, "classifier": self.classifier}
        return {name: part for name, part in parts.items() if part is not None}


def describe(
    network: NetworkDescription, *, name: str, image_size: int | None = None, convention: Convention = "sasa"
) -> Description:
    """Count a network part by part, for one image.

    Args:
        network: The network, of any task.
        name: Name of the network in the description.
        image_size: Height and width in pixels; default: the network's own.
        convention: Convention of counting FLOPs.
    """
    describe_network = resolve(TASKS[network.task].describe)
    description: Description = describe_network(network, name=name, image_size=image_size, convention=convention)
    return description


def with_latency(description: Description, latencies: Sequence[Latency], setting: Setting) -> Description:
    """Add what was measured, and on what."""
    dtype = str(setting.dtype).removeprefix("torch.")
    facts = {"device": setting.device_name, "threads": setting.threads, "dtype": dtype}
    told = [LatencyDescription(**asdict(latency), **facts) for latency in latencies]
    return description.model_copy(update={"latency": told})
