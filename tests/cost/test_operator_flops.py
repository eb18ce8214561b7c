import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from sasa_nas.cost.attention import attention_counts
from sasa_nas.operators.local_attention.layer import LocalAttention2d


@pytest.mark.parametrize("interactions", ["content", "relative", "both"])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_flops_are_those_of_the_cost_model(device: str, interactions: str) -> None:
    layer = LocalAttention2d(8, 8, kernel_size=3, num_heads=2, interactions=interactions).to(device)
    image = torch.randn(2, 8, 7, 9, device=device, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        out = layer(image)
    macs = attention_counts(layer, 7, 9).macs
    counted = counter.get_flop_counts()["Global"]
    assert counted[torch.ops.sasa_nas.local_attention] == 2 * 2 * (macs.qk + macs.qr + macs.av)
    with FlopCounterMode(display=False) as counter:
        out.sum().backward()
    # the logits again, and two products for each one of the forward pass
    expected = 2 * 2 * (3 * (macs.qk + macs.qr) + 2 * macs.av)
    assert counter.get_flop_counts()["Global"][torch.ops.sasa_nas.local_attention_backward] == expected
