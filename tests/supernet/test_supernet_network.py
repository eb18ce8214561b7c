"""Paths are ordinary networks, and share what does not belong to an operator."""

from itertools import product
from typing import Any

import pytest
import torch
from assertions import every

from sasa_nas.blocks import BLOCKS
from sasa_nas.models import build
from sasa_nas.models.plans import plan_network
from sasa_nas.operators import OPERATORS
from sasa_nas.space import Architecture
from sasa_nas.supernet.network import Supernet

OTHER = {"kind": "conv", "kernel_size": 5}


def network(block: str, *operators: dict[str, Any], **stage: Any) -> Architecture:
    width = {"blocks": 2, "width": 16, **stage}
    return Architecture.model_validate(
        {
            "block": block,
            "stem": {"kind": "conv", "width": 8, "kernel_size": 3, "stride": 1, "pool": False},
            "stages": [{**width, "stride": 1 + i, "operator": operator} for i, operator in enumerate(operators)],
            "head_width": 24 if block == "inverted" else None,
            "image": {"channels": 2, "height": 9, "width": 7},
            "num_classes": 5,
        }
    )


def disturbed(network: torch.nn.Module) -> None:
    """Draw all weights and statistics, so that none is what it is in every new network."""
    generator = torch.Generator().manual_seed(5)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            fresh = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(fresh.abs() + 0.5 if name.endswith("var") else 0.3 * fresh)


KINDS = [{"kind": entry.kind, **entry.examples[0]} for entry in OPERATORS if entry.kind != "conv"]


@pytest.mark.parametrize("block", list(BLOCKS))
@pytest.mark.parametrize("operator", KINDS, ids=lambda operator: operator["kind"])
def test_a_path_is_the_stand_alone_network_bit_for_bit(operator: dict[str, Any], block: str) -> None:
    ends = [network(block, operator, OTHER), network(block, OTHER, operator)]
    supernet = Supernet(ends)
    disturbed(supernet)
    images = torch.randn(3, 2, 9, 7, generator=torch.Generator().manual_seed(1))
    seen = []
    for pair in product((operator, OTHER), repeat=2):
        design = network(block, *pair)
        path = supernet.path(design).eval()
        alone = build(design).eval()
        alone.load_state_dict(path.state_dict())
        with torch.inference_mode():
            seen.append(path(images))
            assert torch.equal(seen[-1], alone(images))
        assert path.architecture == design
    assert every(not torch.equal(one, other) for i, one in enumerate(seen) for other in seen[:i])


@pytest.mark.parametrize("block", list(BLOCKS))
def test_designs_share_the_blocks_that_they_have_in_common_and_no_others(block: str) -> None:
    designs = [network(block, OTHER, operator) for operator in (OTHER, KINDS[0])]
    supernet = Supernet(designs)
    first, second = (dict(supernet.path(design).named_parameters()) for design in designs)
    apart = {name for name in first if second.get(name) is not first[name]}
    blocks = len(plan_network(designs[0]).stages[1])
    # the transition and the end of a stage of SAN have no operator
    assert {tuple(name.split(".")[:3]) for name in apart} == {
        ("stages", "1", str(i)) for i in range(blocks) if block != "san" or 0 < i < blocks - 1
    }
    assert set(first) - apart


def test_two_blocks_of_a_stage_share_nothing() -> None:
    design = network("bottleneck", OTHER, OTHER, blocks=3)
    parameters = list(Supernet([design]).path(design).named_parameters(remove_duplicate=False))
    assert len({id(tensor) for _, tensor in parameters}) == len(parameters)


def test_a_path_draws_no_random_numbers() -> None:
    design = network("basic", OTHER, OTHER)
    supernet = Supernet([design])
    before = torch.get_rng_state()
    supernet.path(design)
    assert torch.equal(before, torch.get_rng_state())
