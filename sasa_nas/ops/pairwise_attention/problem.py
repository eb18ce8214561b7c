"""One call of pairwise attention, as its forms take it, and what they return."""

from dataclasses import dataclass

from torch import Tensor

from sasa_nas.ops.mapping import MappingLayer
from sasa_nas.ops.relation.naive import PairwiseKind


@dataclass(frozen=True)
class Problem:
    """Arguments that `dispatch.pairwise_attention` has checked.

    Attributes:
        query: `(B, C, H, W)`, the encoded positions among its channels, any strides.
        key: Keys, of the shape of `query`.
        value: `(B, V, H, W)`, any strides.
        mapping: One or two layers; only the last may have a bias.
        kernel_size: Side of the window, odd.
        kind: The comparison.
        positions: Number of the last channels of query and key that are subtracted, whatever the kind.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    mapping: tuple[MappingLayer, ...]
    kernel_size: int
    kind: PairwiseKind
    positions: int

    @property
    def pairs(self) -> int:
        """Number of pairs of pixels: values of each channel under a norm."""
        batch, _, height, width = self.query.shape
        return batch * height * width * self.kernel_size**2

    @property
    def weight_channels(self) -> int:
        """Channels of the weights."""
        return self.mapping[-1].weight.shape[0]


@dataclass(frozen=True)
class Outcome:
    """Results of the forward pass.

    Attributes:
        out: `(B, V, H, W)`, in memory as `window_sums.sums.map_like` of the values.
        lse: Natural logarithms of the sums over the window of the exponential logits, `(B, weight_channels, H, W)`,
            contiguous.
        statistics: Mean and biased variance that each layer's norm used, given ones as they were given.
    """

    out: Tensor
    lse: Tensor
    statistics: tuple[tuple[Tensor, Tensor], ...]


@dataclass(frozen=True)
class LayerGradients:
    """The gradients of one `MappingLayer`; None for a bias that it does not have."""

    norm_weight: Tensor
    norm_bias: Tensor
    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True)
class Gradients:
    """The gradients of a `Problem`, those of maps in memory as `window_sums.sums.map_like` of the maps."""

    query: Tensor
    key: Tensor
    value: Tensor
    mapping: tuple[LayerGradients, ...]
