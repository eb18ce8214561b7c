"""Facts about SAN's pairwise attention."""

from sasa_nas.operators.counts import Counts, Elementwise, Macs
from sasa_nas.operators.pairwise.layer import PairwiseAttention2d
from sasa_nas.operators.pooling import stride_pool_inputs
from sasa_nas.operators.probe import AttentionProbe


def count(layer: PairwiseAttention2d, height: int, width: int) -> Counts:
    """Count the relation, the softmax and the aggregation, for a map of `height` x `width`."""
    pairs = height * width * layer.kernel_size**2
    dot = layer.relation == "dot"
    combines = layer.relation in ("sum", "subtraction", "hadamard")
    return Counts(
        macs=Macs(qk=pairs * layer.key_channels if dot else 0, aggregation=pairs * layer.out_channels),
        elementwise=Elementwise(
            softmax=pairs * layer.weight_channels,
            relation=pairs * ((layer.key_channels if combines else 0) + (2 if layer.positions else 0)),
            pool_inputs=stride_pool_inputs(layer, height, width),
        ),
    )


def probe(layer: PairwiseAttention2d) -> AttentionProbe:
    """Return the probe of the layer's attention weights."""
    return AttentionProbe(
        heads=layer.weight_channels,
        channels=layer.out_channels,
        changes={"stride": 1},
        reach=layer.kernel_size // 2,
        interleaved=True,
    )
