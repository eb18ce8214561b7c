"""The public names: each is there, documented with an example, and the command line calls nothing else."""

import ast
import doctest
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sasa_nas

PACKAGE = Path(sasa_nas.__file__).parent
FUNCTIONS = sorted(name for name in sasa_nas.__all__ if name.islower() and name != "__version__")
MODULES = ["catalogue", "detectors", "exports", "networks", "run", "searches", "supernets", "tables"]
BELOW = {
    *("blocks", "channel_attention", "cost", "data", "detection", "exporting", "layers", "models", "ops", "report"),
    *("scoring", "searching", "stems", "supernet", "synthetic", "table", "training", "workflows"),
}
"""Rooms whose functions the command line must not call, but for observers, its base classes, and drawing of answers."""


def called(file: Path) -> Iterator[str]:
    """The modules of the package from which a file imports more than a registry's name when it runs."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or all(alias.name.isupper() for alias in node.names):
            continue
        if node.module and node.module.startswith("sasa_nas."):
            yield node.module.removeprefix("sasa_nas.")


@pytest.mark.parametrize("name", sasa_nas.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert name == "__version__" or getattr(sasa_nas, name).__doc__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'serach'"):
        sasa_nas.serach  # noqa: B018


@pytest.mark.parametrize("package", ["sasa_nas", "sasa_nas.searching"])
def test_public_names_are_those_that_are_imported_when_used(package: str) -> None:
    module = importlib.import_module(package)
    assert dir(module) == sorted(module.__all__)


@pytest.mark.parametrize("name", [*FUNCTIONS, "Run"])
def test_every_function_has_an_example(name: str) -> None:
    assert ">>> " in (getattr(sasa_nas, name).__doc__ or "")


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"sasa_nas.api.{module}"))
    assert found.attempted
    assert not found.failed


def test_the_package_is_imported_without_torch() -> None:
    code = (
        "import sys, sasa_nas; sasa_nas.Run; sasa_nas.load_space; print({'torch', 'ray', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_command_line_calls_nothing_below_the_public_names() -> None:
    files = sorted((PACKAGE / "cli").glob("*.py"))
    assert files
    found = {
        f"{file.stem}: {module}"
        for file in files
        for module in called(file)
        if module.split(".")[0] in BELOW and not module.endswith((".observer", ".figure"))
    }
    assert not found
