"""The work of attention layers, counted by hand on small maps and by torch where it counts the definition."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sasa_nas.cost import Elementwise, Macs, count_module
from sasa_nas.operators.augmented_conv.layer import AugmentedConv2d
from sasa_nas.operators.global_attention.layer import GlobalAttention2d
from sasa_nas.operators.local_attention.layer import LocalAttention2d
from sasa_nas.operators.pairwise.layer import PairwiseAttention2d
from sasa_nas.operators.patchwise.layer import PatchwiseAttention2d
from sasa_nas.stems.attention.layer import AttentionStem

H, W = 5, 3
PIXELS = H * W
IN, OUT = 4, 8
MAP = torch.zeros(1, IN, H, W)
PROJECTION = PIXELS * IN * OUT


def test_window_attention() -> None:
    layer = LocalAttention2d(IN, OUT, kernel_size=3, num_heads=2)
    pairs = PIXELS * 9
    counts = count_module(layer, MAP)
    assert counts.macs == Macs(conv_linear=3 * PROJECTION, qk=pairs * OUT, qr=pairs * OUT, av=pairs * OUT)
    assert counts.elementwise == Elementwise(softmax=pairs * 2)
    # queries, keys, values, and half a head's channels for each of three rows and three columns
    assert counts.params == 3 * IN * OUT + 2 * 3 * 2


@pytest.mark.parametrize(
    ("positions", "interactions", "projections", "qk", "qr"),
    [
        ("relative", "both", 3, 1, 1),
        ("relative", "content", 3, 1, 0),
        ("relative", "relative", 2, 0, 1),
        ("none", "both", 3, 1, 0),
        ("absolute", "content", 3, 1, 0),
    ],
)
@pytest.mark.parametrize("padding", ["mask", "zeros"])
def test_terms_of_window_attention(
    positions: str, interactions: str, projections: int, qk: int, qr: int, padding: str
) -> None:
    layer = LocalAttention2d(
        IN, OUT, kernel_size=7, num_heads=2, positions=positions, interactions=interactions, padding=padding
    )
    products = PIXELS * 49 * OUT
    expected = Macs(conv_linear=projections * PROJECTION, qk=qk * products, qr=qr * products, av=products)
    assert count_module(layer, MAP).macs == expected


@pytest.mark.parametrize(("kernel_size", "conv"), [(3, True), (19, False)])
def test_the_claim_of_stand_alone_attention(kernel_size: int, conv: bool) -> None:
    """128 channels: a 3x3 convolution costs more than attention over 19x19 (Ramachandran et al. 2019, section 3)."""
    layer: nn.Module
    if conv:
        layer = nn.Conv2d(128, 128, kernel_size, padding=1, bias=False)
    else:
        layer = LocalAttention2d(128, 128, kernel_size=kernel_size, num_heads=8, positions="none")
    macs = count_module(layer.to("meta"), torch.zeros(1, 128, 10, 20, device="meta")).macs
    assert macs.total == 10 * 20 * (147_456 if conv else 141_568)


@pytest.mark.parametrize("stride", [1, 2])
def test_whole_map_attention(stride: int) -> None:
    layer = GlobalAttention2d(IN, OUT, num_heads=2, feature_size=(7, 9), stride=stride)
    counts = count_module(layer, MAP)
    offsets = (2 * H - 1) + (2 * W - 1)
    assert counts.macs == Macs(
        conv_linear=3 * PROJECTION + PIXELS * OUT * OUT,
        qk=PIXELS**2 * OUT,
        qr=PIXELS * offsets * OUT,
        av=PIXELS**2 * OUT,
    )
    assert counts.elementwise == Elementwise(
        softmax=PIXELS**2 * 2, conv_bias=4 * PIXELS * OUT, pool_inputs=PIXELS * OUT if stride == 2 else 0
    )


def test_whole_map_attention_is_what_torch_counts() -> None:
    layer = GlobalAttention2d(IN, OUT, num_heads=2, positions="none", feature_size=(H, W))
    with FlopCounterMode(display=False) as counter:
        layer(MAP)
    assert count_module(layer, MAP).flops("sasa") == counter.get_total_flops()


@pytest.mark.parametrize(("stride", "downsample"), [(1, False), (2, False), (1, True), (2, True)])
def test_augmented_convolution(stride: int, downsample: bool) -> None:
    layer = AugmentedConv2d(
        IN,
        OUT,
        num_heads=2,
        key_ratio=0.5,
        value_ratio=0.25,
        min_key_dim=3,
        stride=stride,
        downsample=downsample,
        feature_size=(H, W),
    )
    counts = count_module(layer, MAP)
    h, w = {1: (5, 3), 2: (3, 2)}[stride]
    ah, aw = {(1, False): (5, 3), (2, False): (3, 2), (1, True): (3, 2), (2, True): (2, 1)}[stride, downsample]
    seen, keys, values = ah * aw, 6, 2
    assert counts.macs == Macs(
        conv_linear=h * w * 9 * IN * (OUT - values) + seen * (IN * (2 * keys + values) + values * values),
        qk=seen**2 * keys,
        qr=seen * (2 * ah - 1 + 2 * aw - 1) * keys,
        av=seen**2 * values,
    )
    pooled = (PIXELS if stride == 2 else 0) + (h * w if downsample else 0)
    assert counts.elementwise == Elementwise(softmax=seen**2 * 2, pool_inputs=pooled * IN)


def test_augmented_convolution_without_attention_is_a_convolution() -> None:
    layer = AugmentedConv2d(IN, OUT, value_ratio=0.0, feature_size=(H, W), stride=2)
    counts = count_module(layer, MAP)
    assert counts.macs == Macs(conv_linear=3 * 2 * 9 * IN * OUT)
    assert counts.elementwise == Elementwise()


@pytest.mark.parametrize(
    ("relation", "related", "compared"),
    [("sum", 4, 4), ("subtraction", 4, 4), ("hadamard", 4, 4), ("concatenation", 8, 0), ("dot", 1, 0)],
)
def test_pairwise(relation: str, related: int, compared: int) -> None:
    layer = PairwiseAttention2d(IN, OUT, kernel_size=3, key_ratio=0.5, relation=relation, share_channels=2, stride=2)
    counts = count_module(layer, MAP)
    pairs, keys, weights = PIXELS * 9, 4, 4
    gamma = pairs * ((related + 2) * keys + keys * weights)
    assert counts.macs == Macs(
        conv_linear=PIXELS * (IN * (2 * keys + OUT) + 4) + gamma,
        qk=pairs * keys if relation == "dot" else 0,
        aggregation=pairs * OUT,
    )
    mapped = pairs * (related + 2 + keys)
    assert counts.elementwise == Elementwise(
        norm=mapped,
        relu=mapped,
        softmax=pairs * weights,
        relation=pairs * (compared + 2),
        conv_bias=PIXELS * (2 * keys + OUT + 2) + pairs * weights,
        pool_inputs=PIXELS * OUT,
    )


@pytest.mark.parametrize(
    ("relation", "related", "products"), [("star", 9, 9), ("clique", 81, 81), ("concatenation", 4 + 36, 0)]
)
def test_patchwise(relation: str, related: int, products: int) -> None:
    layer = PatchwiseAttention2d(IN, OUT, kernel_size=3, key_ratio=0.5, relation=relation, share_channels=2)
    counts = count_module(layer, MAP)
    keys, weights = 4, 4
    assert counts.macs == Macs(
        conv_linear=PIXELS * (IN * (2 * keys + OUT) + related * weights + weights * weights * 9),
        qk=PIXELS * products * keys,
        aggregation=PIXELS * 9 * OUT,
    )
    mapped = PIXELS * (related + weights)
    bias = PIXELS * (2 * keys + OUT + weights * 9)
    assert counts.elementwise == Elementwise(norm=mapped, relu=mapped, conv_bias=bias)


@pytest.mark.parametrize(
    ("values", "value_macs", "mixed"),
    [("plain", 64 * 3 * OUT, 0), ("conv_values", 64 * 16 * 3 * OUT, 0), ("spatially_aware", 64 * 2 * 3 * OUT, 2)],
)
def test_attention_stem(values: str, value_macs: int, mixed: int) -> None:
    layer = AttentionStem(3, OUT, kernel_size=4, num_heads=2, values=values, mixtures=2, embedding_dim=5)
    counts = count_module(layer, torch.zeros(1, 3, 8, 8))
    assert counts.macs == Macs(
        conv_linear=2 * 64 * 3 * OUT + value_macs, qk=64 * 16 * OUT, av=64 * 16 * OUT, aggregation=64 * mixed * OUT
    )
    assert counts.elementwise == Elementwise(norm=64 * OUT, softmax=64 * 16 * 2, pool_inputs=64 * OUT)
