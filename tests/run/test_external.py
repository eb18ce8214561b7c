from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sasa_nas.errors import UserError
from sasa_nas.run.external import NOTHING, ExternalResources, confirmed

ALL = ExternalResources("10.0.0.1:6379", "s3://bucket/a b", Path("/data"), "imagefolder:/photos")
NAMES = [field.name for field in fields(ExternalResources)]


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_what_is_recorded_is_used_only_if_it_is_named(recorded: set[str], named: set[str]) -> None:
    one = ExternalResources(**{name: getattr(ALL, name) for name in recorded})
    other = ExternalResources(**{name: getattr(ALL, name) for name in named})
    if recorded <= named:
        assert confirmed(one, other, Path("run")) == other
        return
    with pytest.raises(UserError) as caught:
        confirmed(one, other, Path("run"))
    message = str(caught.value)
    assert {name for name in NAMES if f"--{name.replace('_', '-')} " in message} == recorded - named


def test_a_value_named_takes_the_place_of_the_recorded_one() -> None:
    named = ExternalResources(address="local", storage="none", data_dir=Path("/elsewhere"))
    recorded = ExternalResources(address="auto", storage="s3://b/c", data_dir=Path("/data"))
    assert confirmed(recorded, named, Path("run")) == ExternalResources(data_dir=Path("/elsewhere"))
    assert confirmed(NOTHING, NOTHING, Path("run")) == NOTHING


def test_the_words_can_be_copied_and_are_one_line() -> None:
    recorded = ExternalResources(storage="s3://b/a b", data_dir=Path("/x\n\x1b[2J$(touch y)"))
    with pytest.raises(UserError) as caught:
        confirmed(recorded, NOTHING, Path("run"))
    message = str(caught.value)
    assert message.isprintable()
    assert "add --storage 's3://b/a b' --data-dir '/x" in message
