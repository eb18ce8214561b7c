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
        key: Keys, of the shape of `query`.
        value: `(B, V, H, W)`, any strides.
        mapping: One or two layers, only the last of which may have a bias; statistics of the batch are None.
        kernel_size: Side of the window, odd.
        kind: Description of a window: `star`, `clique` or `concatenation`.
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
        hidden: Output of the first of two layers, `(B, O, H, W)`, contiguous; None of one layer.
        statistics: Mean and biased variance, `(C,)`, of each layer's norm that used the batch's; else None.
    """

    out: Tensor
    hidden: Tensor | None
    statistics: tuple[tuple[Tensor, Tensor] | None, ...]


@dataclass(frozen=True)
class LayerGradients:
    """The gradients of a layer's parameters; each is like its parameter.

    Attributes:
        norm_weight: Gradient of `MappingLayer.norm_weight`.
        norm_bias: Gradient of `MappingLayer.norm_bias`.
        weight: Gradient of `MappingLayer.weight`.
        bias: Gradient of `MappingLayer.bias`, None if that is None.
    """

    norm_weight: Tensor
    norm_bias: Tensor
    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True)
class Gradients:
    """The gradients of a problem.

    Attributes:
        query: Gradient of the queries, in memory as `map_like` of them.
        key: Gradient of the keys, in memory as `map_like` of them.
        value: Gradient of the values, in memory as `map_like` of them.
        mapping: Gradients of each layer.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    mapping: tuple[LayerGradients, ...]
