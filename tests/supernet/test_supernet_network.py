"""Paths are ordinary networks, and share what does not belong to an operator."""

from itertools import product
from typing import Any

import pytest
import torch

from sasa_nas.blocks import BLOCKS
from sasa_nas.models import build
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
    assert all(not torch.equal(one, other) for i, one in enumerate(seen) for other in seen[:i])


@pytest.mark.parametrize("block", list(BLOCKS))
def test_operators_and_the_norms_behind_them_are_apart_and_all_else_is_shared(block: str) -> None:
    designs = [network(block, OTHER, operator) for operator in (OTHER, KINDS[0])]
    supernet = Supernet(designs)
    first, second = (dict(supernet.path(design).named_parameters()) for design in designs)
    own = BLOCKS[block].operator_parts
    assert own
    apart = {name for name in first if second.get(name) is not first[name]}
    assert apart
    assert {name.split(".")[1] for name in apart} == {"1"}
    assert {part for name in apart for part in name.split(".") if part in own} == own
    assert not {name for name in set(first) - apart if name.startswith("stages.1") and set(name.split(".")) & own}


def test_two_blocks_of_a_stage_share_nothing() -> None:
    design = network("bottleneck", OTHER, OTHER, blocks=3)
    parameters = list(Supernet([design]).path(design).named_parameters(remove_duplicate=False))
    assert len({id(tensor) for _, tensor in parameters}) == len(parameters)


def test_a_block_that_declares_nothing_shares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(BLOCKS["basic"]), "operator_parts", None)
    designs = [network("basic", OTHER, operator) for operator in (OTHER, KINDS[0])]
    first, second = (dict(supernet.named_parameters()) for supernet in map(Supernet(designs).path, designs))
    assert {name for name in first if second.get(name) is first[name]} == {
        name for name in first if not name.startswith("stages.1")
    }


def test_a_path_draws_no_random_numbers() -> None:
    design = network("basic", OTHER, OTHER)
    supernet = Supernet([design])
    before = torch.get_rng_state()
    supernet.path(design)
    assert torch.equal(before, torch.get_rng_state())


def test_the_state_has_each_tensor_once_and_all_of_them() -> None:
    designs = [network("san", operator, OTHER) for operator in (OTHER, *KINDS)]
    supernet = Supernet(designs)
    disturbed(supernet)
    state = supernet.state_dict()
    assert len({tensor.data_ptr() for tensor in state.values()}) == len(state)
    assert set(dict(supernet.named_parameters())) <= set(state)
    other = Supernet(designs)
    other.load_state_dict(state)
    for design in designs:
        expected, found = supernet.path(design).state_dict(), other.path(design).state_dict()
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected)
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict({name: state[name] for name in list(state)[1:]})
