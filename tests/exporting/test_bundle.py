import pytest

from sasa_nas.exporting.bundle import bundle
from sasa_nas.exporting.sources import Import, Sources


@pytest.fixture
def package(tmp_path):
    """Writes modules of a package `p` and gives its sources."""

    def write(**modules):
        for name, text in {"__init__": "", **modules}.items():
            path = tmp_path.joinpath(*name.split("__") if not name.startswith("__") else [name]).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Sources("p", tmp_path)

    return write


def texts(found):
    return [definition.text.partition("\n")[0] for section in found.sections for definition in section.definitions]


def test_takes_exactly_what_is_used_in_an_order_that_works(package):
    sources = package(
        a="from p.b import f\nfrom math import pi\nimport os\n\n\nclass Layer:\n    x = f(pi)\n\n\nunused = os\n",
        b="LIMIT = 2\n\n\ndef f(x):\n    return g(x)\n\n\nunused = 1\n\n\ndef g(x):\n    return x + LIMIT\n",
    )
    found = bundle([("p.a", "Layer")], sources)
    assert texts(found) == ["LIMIT = 2", "def f(x):", "def g(x):", "class Layer:"]
    assert found.imports == {Import("math", "pi", "pi")}
    assert found.names == {"Layer", "f", "g", "LIMIT"}
    assert found.operators == ()
    space: dict = {"pi": 3}
    exec("\n".join(definition.text for section in found.sections for definition in section.definitions), space)
    assert space["Layer"].x == 5


def test_follows_names_that_a_package_passes_on(package):
    sources = package(a="from p.b import f\n\nx = f\n", b="from p.c import f\n", c="def f():\n    pass\n")
    assert texts(bundle([("p.a", "x")], sources)) == ["def f():", "x = f"]


def test_operators_come_in_their_plain_form_and_first(package):
    sources = package(
        a="from p.ops import KIND, act\n\n\ndef layer(x):\n    return act(x, KIND)\n",
        ops__act__naive="from p.ops.windows import cut\n\nKIND = 1\n\n\ndef act(x, kind):\n    return cut(x)\n",
        ops__act__fast="import triton\n\n\ndef act(x, kind):\n    return triton.go(x)\n",
        ops__windows="def cut(x):\n    return x\n",
        ops____init__="",
    )
    (sources._folder / "ops" / "__init__.py").write_text(
        "from p.ops.act.fast import act\nfrom p.ops.act.naive import KIND\n"
    )
    found = bundle([("p.a", "layer")], sources)
    assert texts(found) == ["def cut(x):", "KIND = 1", "def act(x, kind):", "def layer(x):"]
    assert found.operators == ("act",)
    assert [section.is_operator for section in found.sections] == [True, True, False]


def test_modules_that_need_each_other_are_no_trap(package):
    sources = package(
        a="from p.b import g\n\n\ndef f():\n    return g()\n", b="from p.a import f\n\n\ndef g():\n    return f()\n"
    )
    assert sorted(texts(bundle([("p.a", "f")], sources))) == ["def f():", "def g():"]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"a": "import numpy\n\nx = numpy\n"}, "uses numpy"),
        ({"a": "from p import b\n\nx = b\n", "b": ""}, "b of p is no definition"),
        ({"a": "from p.b import f as g\n\nx = g\n", "b": "f = 1\n"}, "renamed"),
        ({"a": "import p\n\nx = p\n"}, "is a module"),
        ({"a": "from p.b import f\n\nx = f\n", "b": ""}, "f of p.b is no definition"),
        ({"a": "from p.b import f\n\nx = f\n"}, "no module p.b"),
        ({"a": "if True:\n    y = 1\nx = y\n"}, "cannot be bundled"),
        ({"a": "x = []\nx.append(1)\n"}, "outside its definition"),
        (
            {"a": "from p.b import f\n_g = 1\nx = f, _g\n", "b": "_g = 2\nf = _g\n"},
            "p.b and p.a both define _g",
        ),
        (
            {"a": "from p.b import f\nimport math as m\nx = f, m\n", "b": "import cmath as m\nf = m\n"},
            "m is imported from",
        ),
        ({"a": "from p.b import f\nx = f, pi\n", "b": "from math import x\nf = x\n"}, "an import both define x"),
    ],
)
def test_refuses_what_it_cannot_carry_over(package, modules, message):
    with pytest.raises(ValueError, match=message):
        bundle([("p.a", "x")], package(**modules))
