"""All designs of small spaces, against products written out by hand."""

from itertools import product

from sasa_nas.space import load_space, size
from sasa_nas.space.enumeration import every_design
from sasa_nas.space.files import validate_space


def test_the_table_space_has_every_word_of_four_operators() -> None:
    space = load_space("hybrid256")
    found = [tuple(stage.operator.kind for stage in design.stages) for _, design in every_design(space)]
    kinds = ("conv", "local_attention", "augmented_conv", "pairwise")
    assert found == list(product(kinds, repeat=4))
    assert len(found) == size(space) == 256


def test_forks_under_an_option_are_visited_there_alone() -> None:
    operator = {"choice": [{"kind": "conv"}, {"kind": "local_attention", "num_heads": {"choice": [2, 4]}}]}
    space = validate_space({"name": "s", "stages": [{"width": {"range": [16, 48, 16]}, "operator": operator}]}, "s")
    designs = {design.id: choices for choices, design in every_design(space)}
    assert len(designs) == size(space) == 9
    widths = [choices["stages[0].width"] for choices in designs.values()]
    assert widths == [16] * 3 + [32] * 3 + [48] * 3
    heads = [choices.get("stages[0].operator.local_attention.num_heads") for choices in designs.values()]
    assert heads == [None, 2, 4] * 3


def test_designs_that_do_not_fit_are_left_out() -> None:
    stage = {"width": {"choice": [8, 12]}, "operator": {"kind": "local_attention", "num_heads": {"choice": [2, 4]}}}
    space = validate_space({"name": "s", "stages": [stage]}, "s")
    found = [(d.stages[0].width, d.stages[0].operator.num_heads) for _, d in every_design(space)]  # type: ignore[union-attr]
    assert found == [(8, 2), (8, 4), (12, 2)]


def test_a_space_without_forks_is_one_design() -> None:
    ((choices, design),) = every_design(validate_space({"name": "s", "stages": [{}]}, "s"))
    assert choices == {}
    assert len(design.stages) == 1
