import pytest

from sasa_nas.exporting.sources import Import, Sources, parse_module

TEXT = '''\
"""What it is.

And more.
"""

import math as m
from torch import nn, Tensor as T

SIZE = 3
"""A docstring below."""

A, B = 1, 2


# Why it is so.
@decorate
class Layer(nn.Module):
    """Doc."""

    def forward(self, x: T) -> T:
        return m.floor(x) + SIZE


if SIZE > 2:
    maybe = 1

register(Layer)
'''


def test_definitions_carry_their_comments_decorators_and_docstrings():
    module = parse_module("p.q", TEXT)
    assert module.title == "What it is."
    assert module.definitions["SIZE"].text == 'SIZE = 3\n"""A docstring below."""'
    layer = module.definitions["Layer"].text
    assert layer.startswith("# Why it is so.\n@decorate\nclass Layer(nn.Module):\n")
    assert layer.endswith("return m.floor(x) + SIZE")
    assert module.definitions["A"] is not None
    assert module.definitions["A"].text == module.definitions["B"].text == "A, B = 1, 2"
    assert set(module.definitions) == {"SIZE", "A", "B", "Layer"}


def test_names_used_and_imported():
    module = parse_module("p.q", TEXT)
    assert {"nn", "T", "m", "SIZE", "decorate"} <= module.definitions["Layer"].uses
    assert module.imports == {
        "m": Import("math", None, "m"),
        "nn": Import("torch", "nn", "nn"),
        "T": Import("torch", "Tensor", "T"),
    }


def test_names_that_other_statements_touch_are_opaque():
    assert parse_module("p.q", TEXT).opaque == {"SIZE", "maybe", "register", "Layer"}


def test_overloads_stay_together():
    text = "@overload\ndef f(x: int) -> int: ...\n\n\ndef f(x):\n    return g(x)\n"
    definition = parse_module("p.q", text).definitions["f"]
    assert definition.text.count("def f") == 2
    assert {"overload", "int", "g", "x"} <= definition.uses


@pytest.mark.parametrize(
    "statement",
    ["from .a import b", "from a import *", "import a.b", "from __future__ import annotations"],
)
def test_imports_that_cannot_be_followed_are_refused(statement):
    with pytest.raises(ValueError, match=r"^p\.q: .*cannot be bundled"):
        parse_module("p.q", statement)


def test_modules_are_found_as_files_and_as_packages(tmp_path):
    (tmp_path / "__init__.py").write_text("a = 1\n")
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "__init__.py").write_text("b = 1\n")
    for name in ("two", "one"):
        (tmp_path / "ops" / name).mkdir()
        (tmp_path / "ops" / name / "naive.py").write_text("c = 1\n")
    sources = Sources("p", tmp_path)
    assert set(sources.module("p").definitions) == {"a"}
    assert set(sources.module("p.ops").definitions) == {"b"}
    assert [module.name for module in sources.siblings("p.ops", "naive")] == ["p.ops.one.naive", "p.ops.two.naive"]
    assert sources.owns("p.ops")
    assert not sources.owns("pp")
    with pytest.raises(ValueError, match=r"^p has no module p\.absent$"):
        sources.module("p.absent")
