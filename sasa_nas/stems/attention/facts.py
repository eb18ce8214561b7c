"""Facts about the attention stem."""

from sasa_nas.operators.counts import Counts, Elementwise, Macs
from sasa_nas.operators.probe import AttentionProbe
from sasa_nas.stems.attention.layer import AttentionStem


def count(layer: AttentionStem, height: int, width: int) -> Counts:
    """Count the logits, the softmax, the weighted sum, and the mixing of value projections."""
    pixels = height * width
    products = pixels * layer.kernel_size**2 * layer.out_channels
    mixed = pixels * layer.mixtures * layer.out_channels if layer.values == "spatially_aware" else 0
    return Counts(
        macs=Macs(conv_linear=mixed * layer.in_channels, qk=products, av=products, aggregation=mixed),
        elementwise=Elementwise(
            softmax=pixels * layer.kernel_size**2 * layer.num_heads,
            pool_inputs=pixels * layer.out_channels if layer.pool else 0,
        ),
    )


def probe(layer: AttentionStem) -> AttentionProbe:
    """Return the probe of the layer's attention weights."""
    return AttentionProbe(
        heads=layer.num_heads,
        channels=layer.out_channels,
        # whatever makes the values, the weights are the same, and `plain` values come from one module
        changes={"values": "plain", "pool": False},
        block=layer.kernel_size,
        bypassed=["norm"],
    )
