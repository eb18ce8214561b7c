"""Nobody else's private names: they change without a word."""

import ast
from collections.abc import Iterator
from pathlib import Path

import sasa_nas

PACKAGE = Path(sasa_nas.__file__).parent
DOCUMENTED = {"os._exit", "torch.utils._python_dispatch", "_typeshed"}
"""Names that their documentation tells to use, in spite of the underscore."""


def private(part: str) -> bool:
    return part.startswith("_") and not part.startswith("__")


def private_names(tree: ast.Module) -> Iterator[str]:
    """The private modules and attributes of other packages that a file names."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {(alias.asname or alias.name).split(".")[0]: alias.name for alias in node.names}
            yield from (alias.name for alias in node.names if any(map(private, alias.name.split("."))))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("sasa_nas"):
            modules |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            if any(map(private, node.module.split("."))):
                yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if private(alias.name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr):
            owner: ast.expr = node.value
            while isinstance(owner, ast.Attribute):
                owner = owner.value
            if isinstance(owner, ast.Name) and owner.id in modules:
                yield ast.unparse(node)


def test_it_sees_them() -> None:
    source = "import torch\nfrom optuna._x import y\nfrom a import _b\n"
    source += "torch._C.f()\nself._own\nfrom sasa_nas.x import _z\n"
    assert set(private_names(ast.parse(source))) == {"optuna._x", "a._b", "torch._C"}


def test_no_file_names_any() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert files
    found = {(file.name, name) for file in files for name in private_names(ast.parse(file.read_text(encoding="utf-8")))}
    assert not {pair for pair in found if pair[1] not in DOCUMENTED}
