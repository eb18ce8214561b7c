"""One problem of patchwise attention, as its forms get it."""

from dataclasses import dataclass

from torch import Tensor

from sasa_nas.ops.mapping.layer import MappingLayer
from sasa_nas.ops.relation.naive import PatchwiseKind


@dataclass(frozen=True)
class Problem:
    """The arguments of patchwise attention, checked.

    Attributes:
        query: `(B, C, H, W)`, any strides.
        key: As `query`.
        value: `(B, V, H, W)`, any strides.
        mapping: One or two layers, only the last of which may have a bias; statistics of the batch are None.
        kernel_size: Side of the window, odd.
        kind: How a window is described.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    mapping: tuple[MappingLayer, ...]
    kernel_size: int
    kind: PatchwiseKind

    @property
    def two(self) -> bool:
        """True if the mapping has two layers."""
        return len(self.mapping) == 2


@dataclass(frozen=True)
class Found:
    """Results of the forward pass of patchwise attention.

    Attributes:
        out: The attention, `(B, V, H, W)`, in memory as `map_like` of the values.
        hidden: What the first of two layers yields, `(B, O, H, W)`, contiguous; of one layer None.
        statistics: Mean and biased variance, `(C,)`, of each layer's norm that used the batch's; else None.
    """

    out: Tensor
    hidden: Tensor | None
    statistics: tuple[tuple[Tensor, Tensor] | None, ...]


@dataclass(frozen=True)
class LayerGradients:
    """The gradients of a layer's parameters; each is like its parameter.

    Attributes:
        norm_weight: Of `MappingLayer.norm_weight`.
        norm_bias: Of `MappingLayer.norm_bias`.
        weight: Of `MappingLayer.weight`.
        bias: Of `MappingLayer.bias`, None where that is None.
    """

    norm_weight: Tensor
    norm_bias: Tensor
    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True)
class Gradients:
    """The gradients of a problem.

    Attributes:
        query: In memory as `map_like` of the queries.
        key: As `query`, of the keys.
        value: As `query`, of the values.
        mapping: Of each layer.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    mapping: tuple[LayerGradients, ...]
