"""Facts about global attention."""

from sasa_nas.operators.counts import Counts, Elementwise
from sasa_nas.operators.global_attention.layer import GlobalAttention2d
from sasa_nas.operators.pooling import stride_pool_inputs


def count(layer: GlobalAttention2d, height: int, width: int) -> Counts:
    """Count the stride's pool after the attention, which is a separate layer, for a map of `height` x `width`."""
    return Counts(elementwise=Elementwise(pool_inputs=stride_pool_inputs(layer, height, width)))
