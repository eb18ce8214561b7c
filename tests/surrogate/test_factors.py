from sasa_nas.operators.conv import Conv
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.space import Architecture, Stage
from sasa_nas.surrogate.factors import factors_of, values_of


def network(operator, blocks: int = 1) -> dict:
    return values_of(Architecture(stages=(Stage(operator=operator, blocks=blocks),)))


NETWORKS = [
    network(LocalAttention(kernel_size=3)),
    network(LocalAttention(kernel_size=7)),
    network(Conv()),
    network(Conv(), blocks=2),
]


def test_only_what_differs_is_a_factor_and_operators_come_first() -> None:
    factors = factors_of(NETWORKS)
    assert [f.name for f in factors] == [
        "stages[0].operator",
        "stages[0].blocks",
        "stages[0].operator.local_attention.kernel_size",
    ]
    assert factors[0].levels == ("conv", "local_attention")
    assert factors[2].within == ("stages[0].operator", "local_attention")


def test_columns_compare_with_the_baseline_and_are_centred_within_an_operator() -> None:
    operator, blocks, kernel = factors_of(NETWORKS)
    assert operator.columns(NETWORKS)[:, 0].tolist() == [1, 1, 0, 0]
    assert blocks.columns(NETWORKS)[:, 0].tolist() == [0, 0, 0, 1]
    assert kernel.columns(NETWORKS)[:, 0].tolist() == [-0.5, 0.5, 0, 0]


def test_of_many_numbers_the_trend_is_estimated() -> None:
    networks = [network(Conv(), blocks) for blocks in (1, 2, 3, 4, 5)]
    (blocks,) = factors_of(networks)
    assert blocks.numeric
    assert blocks.contrasts == (5,)
    assert blocks.columns(networks)[:, 0].tolist() == [0, 0.25, 0.5, 0.75, 1]
