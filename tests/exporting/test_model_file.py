import ast
import subprocess
import sys
import tokenize

import pytest
import torch
from export_cases import CASES, architecture, import_file, mixed_architecture

from sasa_nas.exporting.model_file import model_source
from sasa_nas.exporting.module_text import import_block
from sasa_nas.exporting.sources import Import
from sasa_nas.models import build, list_models, model_architecture


def module_imports(tree):
    """Top-level packages imported outside `try`, and inside."""
    guarded = {id(n) for part in ast.walk(tree) if isinstance(part, ast.Try) for n in ast.walk(part)}
    found = {False: set(), True: set()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found[id(node) in guarded] |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found[id(node) in guarded].add(node.module.partition(".")[0])
    return found[False], found[True]


@pytest.mark.parametrize(("operator", "stem", "block"), CASES)
def test_the_file_imports_the_standard_library_and_torch_alone(operator, stem, block):
    outside, guarded = module_imports(ast.parse(model_source(architecture(operator, stem, block), title="t")))
    assert outside - {"torch"} <= sys.stdlib_module_names
    assert guarded <= {"sasa_nas", "timm"}


def test_a_network_without_attention_never_mentions_the_operators():
    text = model_source(architecture("conv"), title="t")
    assert "sasa_nas.ops" not in text
    assert "Attention2d" not in text
    assert "BasicBlock" not in text


@pytest.mark.parametrize(
    ("operator", "names"),
    [
        ("local", "local_attention"),
        ("global", "global_attention"),
        ("pairwise", "aggregate, pairwise_attention, pairwise_relation"),
        ("patchwise", "aggregate, patchwise_attention, patchwise_relation"),
    ],
)
def test_installed_operators_take_over_after_the_plain_ones(operator, names):
    text = model_source(architecture(operator), title="t")
    takeover = f"try:\n    from sasa_nas.ops import {names}\nexcept ImportError:\n    pass\n"
    assert text.count(takeover) == 1
    first = names.partition(",")[0]
    assert text.index(f"def {first}(") < text.index(takeover) < text.index("(nn.Module)")


def test_the_head_tells_origin_and_license_and_nothing_breaks_out_of_it():
    described = architecture()
    text = model_source(described, title="mine\nimport nothing_such\u2028\0: a\tnetwork")
    assert text.splitlines()[0] == "# mine import nothing_such : a network"
    head = text.partition('"""')[0]
    assert described.id in head
    assert "sasa-nas 0." in head
    assert "Apache-2.0" in head
    assert ast.get_docstring(ast.parse(text)) == "A residual network for images of 3 x 8 x 8, with 5 classes."


def test_a_title_names_no_encoding(tmp_path):
    """Python reads the first comment's `coding:`; in `unicode_escape`, backslash and n end the comment."""
    mark = tmp_path / "executed"
    for sign in ":=":
        text = model_source(architecture(), title=f"coding{sign} unicode_escape \\nopen({str(mark)!r}, 'w')#")
        path = tmp_path / "model.py"
        path.write_text(text)
        with path.open("rb") as file:
            assert tokenize.detect_encoding(file.readline)[0] == "utf-8"
        import_file(path, "exported")
    assert not mark.exists()


def test_linters_have_nothing_to_say(tmp_path):
    texts = {
        "mixed": model_source(mixed_architecture(), title="t"),
        "conv": model_source(architecture("conv", "attention", "basic"), title="t"),
        "augmented": model_source(architecture("augmented-none"), title="t"),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--quiet", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", [n for n in list_models() if not n.endswith(("101", "152"))])
def test_named_networks_are_built_with_the_same_weights(tmp_path, name):
    described = model_architecture(name)
    path = tmp_path / "model.py"
    path.write_text(model_source(described, title=name))
    with torch.device("meta"):
        expected = build(described).state_dict()
        found = import_file(path, name).build().state_dict()
    assert {n: t.shape for n, t in found.items()} == {n: t.shape for n, t in expected.items()}


def test_the_same_architecture_gives_the_same_file():
    assert model_source(mixed_architecture(), title="t") == model_source(mixed_architecture(), title="t")


def test_imports_are_merged_and_in_order():
    imports = [
        Import("torch", "nn", "nn"),
        Import("torch", "Tensor", "Tensor"),
        Import("torch", None, "torch"),
        Import("torch.nn", "functional", "F"),
        Import("typing", "get_args", "get_args"),
        Import("typing", "Any", "Any"),
        Import("math", None, "math"),
    ]
    assert import_block(imports) == (
        "import math\nfrom typing import Any, get_args\n\n"
        "import torch\nfrom torch import Tensor, nn\nfrom torch.nn import functional as F\n"
    )
    long = import_block([Import("string", name * 30, name * 30) for name in "cba"])
    assert long == f"from string import (\n    {'a' * 30},\n    {'b' * 30},\n    {'c' * 30},\n)\n"
