"""Whatever is drawn from a space is found in it again, and nothing else is."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sasa_nas.models import model_architecture
from sasa_nas.space import load_space, overridden, sample, shipped_spaces
from sasa_nas.space.choosers import RandomChooser, RecordingChooser
from sasa_nas.space.files import validate_space
from sasa_nas.space.matching import choices_of

SPACES = {name: load_space(name) for name in shipped_spaces()}


@settings(deadline=None, max_examples=40)
@given(name=st.sampled_from(sorted(SPACES)), seed=st.integers(0, 10**6))
def test_a_draw_is_found_by_its_choices(name: str, seed: int) -> None:
    chooser = RecordingChooser(RandomChooser(Random(seed)))
    design = sample(SPACES[name], chooser)
    assert choices_of(SPACES[name], design) == chooser.answers


def test_ranges_are_searched_too() -> None:
    space = validate_space({"name": "s", "stages": [{"width": {"range": [16, 64, 16]}}]}, "s")
    resnet = model_architecture("resnet18")
    one = resnet.model_copy(update={"block": "bottleneck", "stages": resnet.stages[:1]})
    assert choices_of(space, one) == {"stages[0].width": 64}
    assert choices_of(space, overridden(one, ["stages[0].width=24"])) is None


@pytest.mark.parametrize(
    ("model", "space", "kinds"),
    [("resnet50", "sasa_where", ["conv"] * 4), ("sasa_resnet50", "sasa_where", ["local_attention"] * 4)],
)
def test_the_papers_networks_are_in_their_spaces(model: str, space: str, kinds: list[str]) -> None:
    answers = choices_of(SPACES[space], model_architecture(model))
    assert answers == {f"stages[{i}].operator": kind for i, kind in enumerate(kinds)}


@pytest.mark.parametrize("model", ["resnet26", "aa_resnet50", "sasa_full_resnet50", "san10_pairwise"])
def test_others_are_not(model: str) -> None:
    assert choices_of(SPACES["sasa_where"], model_architecture(model)) is None


def test_san_is_in_its_space() -> None:
    answers = choices_of(SPACES["san"], model_architecture("san10_patchwise"))
    assert answers is not None
    assert answers["stages[3].operator.patchwise.relation"] == "concatenation"
