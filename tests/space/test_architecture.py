"""Designs as values: equality, identity, and what a field changed does to them."""

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from space_trees import ARCHITECTURES, Tree

from sasa_nas.models import model_architecture
from sasa_nas.operators.augmented_conv import AugmentedConv
from sasa_nas.operators.conv import Conv
from sasa_nas.space import Architecture, Image, Stage
from sasa_nas.stems.attention import AttentionStem
from sasa_nas.stems.conv import ConvStem

# Written down when they were first computed: runs on disk name their networks so.
GOLDEN = {
    "resnet50": "dc994323a412",
    "sasa_full_resnet26": "58271eca8ba4",
}


@pytest.mark.parametrize(("name", "expected"), GOLDEN.items())
def test_ids_never_change(name: str, expected: str) -> None:
    assert model_architecture(name).id == expected


@settings(deadline=None, max_examples=40)
@given(tree=ARCHITECTURES)
def test_defaults_written_out_change_nothing(tree: Tree) -> None:
    brief = Architecture.model_validate(tree)
    full = Architecture.model_validate(json.loads(brief.to_json()))
    assert full == brief
    assert full.id == brief.id
    assert hash(full) == hash(brief)


def leaves(tree: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The places of all values of a tree but the kinds."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if items is None:
        return [place]
    return [leaf for key, item in items if key != "kind" for leaf in leaves(item, (*place, key))]


def others(value: Any) -> list[Any]:
    """Values of the same type to put in the place of one."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 2, value + 1, 2 * value]
    if isinstance(value, float):
        return [value / 2, 0.75 * value]
    words = "bottleneck basic none absolute relative sine coordconv content both mask zeros sum dot star concatenation"
    return [word for word in (words + " subtraction clique plain conv_values spatially_aware").split() if word != value]


def replaced(tree: Any, place: tuple[str | int, ...], value: Any) -> Any:
    """A copy of the tree with another value at one place."""
    changed = copy.deepcopy(tree)
    node = changed
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value
    return changed


@settings(deadline=None, max_examples=60)
@given(tree=ARCHITECTURES, data=st.data())
def test_any_changed_field_is_another_network(tree: Tree, data: st.DataObject) -> None:
    original = Architecture.model_validate(tree)
    full = json.loads(original.to_json())
    place = data.draw(st.sampled_from(leaves(full)))
    value: Any = full
    for step in place:
        value = value[step]
    designs = []
    for other in others(value):
        try:
            designs.append(Architecture.model_validate(replaced(full, place, other)))
        except ValidationError:
            continue
    assume(designs)
    ids = {design.id for design in designs}
    assert original.id not in ids
    assert original not in designs
    assert len(ids) == len(set(designs)) == len({design.to_json() for design in designs})


@pytest.mark.parametrize(
    "update",
    [
        {"block": "basic"},
        {"stem": AttentionStem()},
        {"stem": ConvStem(pool=False)},
        {"stages": (Stage(),)},
        {"stages": (Stage(), Stage(blocks=3))},
        {"stages": (Stage(operator=Conv(kernel_size=5)), Stage())},
        {"stages": (Stage(operator=AugmentedConv()), Stage())},
        {"image": Image(channels=1)},
        {"image": Image(height=32, width=64)},
        {"image": Image(height=64, width=32)},
        {"num_classes": 10},
    ],
)
def test_a_copy_with_an_update_has_the_id_of_what_it_became(update: dict[str, Any]) -> None:
    original = Architecture(stages=(Stage(), Stage()))
    original.id  # noqa: B018  # a remembered id would be copied along
    changed = original.model_copy(update=update)
    fresh = Architecture.model_validate({name: getattr(changed, name) for name in Architecture.model_fields})
    assert changed.id == fresh.id != original.id
    assert changed == fresh != original


def test_stages_differ_by_their_order() -> None:
    thin, wide = Stage(width=16), Stage(width=32)
    assert Architecture(stages=(thin, wide)).id != Architecture(stages=(wide, thin)).id


def test_kinds_of_equal_options_differ() -> None:
    ids = {
        Architecture.model_validate({"stages": [{"operator": {"kind": kind}}]}).id
        for kind in ("conv", "local_attention", "augmented_conv", "pairwise", "patchwise", "global_attention")
    }
    assert len(ids) == 6


def test_whole_numbers_and_fractions_of_one_value_are_one_network() -> None:
    whole, fraction = (AugmentedConv.model_validate({"key_ratio": ratio}) for ratio in (1, 1.0))
    ids = {Architecture(stages=(Stage(operator=operator),)).id for operator in (whole, fraction)}
    assert len(ids) == 1


def test_designs_cannot_be_changed_in_place() -> None:
    architecture = Architecture(stages=(Stage(),))
    with pytest.raises(ValidationError, match="frozen"):
        architecture.num_classes = 5  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        architecture.stages[0].operator.kernel_size = 5  # type: ignore[misc,union-attr]
