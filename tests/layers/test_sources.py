"""Layers and the plain forms of ops can be written one behind the other into a single file that needs torch alone.

What an export never takes, kernels and the choice among forms, is under no such rule.
"""

import ast
import sys
from collections import Counter
from pathlib import Path

import pytest
from assertions import every

import sasa_nas

PACKAGE = Path(sasa_nas.__file__).parent


def file_of(module: str) -> Path:
    """The source of a module of the package."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def plain_forms() -> set[Path]:
    """Every `naive.py` of ops, and the files of ops that these import."""
    found: set[Path] = set()
    waiting = list((PACKAGE / "ops").rglob("naive.py"))
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            nodes = ast.walk(ast.parse(path.read_text()))
            modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
            waiting += [file_of(module) for module in modules if module.startswith("sasa_nas.ops")]
    return found


SOURCES = sorted({*plain_forms(), *(PACKAGE / "layers").rglob("*.py"), *PACKAGE.rglob("layer.py")})
FILES = [path for path in SOURCES if path.name != "__init__.py"]


def parse(path: Path) -> list[ast.stmt]:
    return ast.parse(path.read_text()).body


def defined(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_are_torch_the_standard_library_or_names_of_ops_and_layers(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
            assert not any(module.startswith("sasa_nas") for module in modules)
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
            if modules[0].startswith("sasa_nas"):
                assert not any(alias.asname for alias in node.names)
                rooms = (
                    ("sasa_nas.ops",) if path.is_relative_to(PACKAGE / "ops") else ("sasa_nas.ops", "sasa_nas.layers")
                )
                assert modules[0].startswith(rooms)
                continue
        else:
            continue
        assert every(module.split(".")[0] in {"torch", *sys.stdlib_module_names} for module in modules)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_importing_a_file_only_defines_names(path: Path) -> None:
    docstring, *rest = parse(path)
    assert isinstance(docstring, ast.Expr)
    for statement in rest:
        is_attribute_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        assert isinstance(statement, ast.Import | ast.ImportFrom) or defined(statement) or is_attribute_docstring


def test_no_two_files_define_the_same_name() -> None:
    names = Counter(name for path in FILES for statement in parse(path) for name in defined(statement))
    assert [name for name, count in names.items() if count > 1] == []
