"""Facts about stand-alone window attention."""

from torch import nn

from sasa_nas.operators.counts import Counts, Elementwise, Macs
from sasa_nas.operators.local_attention.layer import LocalAttention2d
from sasa_nas.operators.pooling import stride_pool_inputs
from sasa_nas.operators.probe import AttentionProbe

VALUE_STD = 0.01
"""Standard deviation of the initial value projection if no norm follows (Ramachandran et al. 2019, for detectors)."""


def count(layer: LocalAttention2d, height: int, width: int) -> Counts:
    """Count the logits, the softmax and the weighted sum, for a map of `height` x `width`."""
    pairs = height * width * layer.kernel_size**2
    products = pairs * layer.out_channels
    return Counts(
        macs=Macs(
            qk=products if layer.key is not None else 0,
            qr=products if layer.rel_rows is not None else 0,
            av=products,
        ),
        elementwise=Elementwise(softmax=pairs * layer.num_heads, pool_inputs=stride_pool_inputs(layer, height, width)),
    )


def probe(layer: LocalAttention2d) -> AttentionProbe:
    """Return the probe of the layer's attention weights."""
    return AttentionProbe(
        heads=layer.num_heads, channels=layer.out_channels, changes={"stride": 1}, reach=layer.kernel_size // 2
    )


def initialise_without_norm(layer: LocalAttention2d) -> None:
    """Draw the value projection from N(0, `VALUE_STD`)."""
    nn.init.normal_(layer.value.weight, std=VALUE_STD)
