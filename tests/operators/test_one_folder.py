"""An operator is named in its own folder and where networks are described by name, and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from assertions import every

import sasa_nas
from sasa_nas.operators import BASELINE, OPERATORS

PACKAGE = Path(sasa_nas.__file__).parent
KINDS = [entry.kind for entry in OPERATORS if entry.kind != BASELINE]
DESCRIPTIONS = {
    "models/families.py": "the papers' networks",
    "models/registry.py": "the papers' networks",
    "detection/named.py": "the papers' detectors",
    "synthetic/tasks.py": "effects planted by hand",
}
"""Files that describe particular networks or effects, which is to name operators."""


def named(file: Path) -> Iterator[str]:
    """Texts that a file holds whole, and modules that it imports from; those of docstrings are longer."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_file_names_it(kind: str) -> None:
    own = PACKAGE / "operators" / kind
    found = [
        str(file.relative_to(PACKAGE))
        for file in sorted(PACKAGE.rglob("*.py"))
        if not file.is_relative_to(own) and not file.is_relative_to(PACKAGE / "ops")
        if any(name == kind or f"operators.{kind}" in name for name in named(file))
    ]
    assert set(found) <= set(DESCRIPTIONS), found


@pytest.mark.parametrize("kind", KINDS)
def test_no_style_or_script_names_it(kind: str) -> None:
    pages = [file for suffix in ("css", "js", "html") for file in PACKAGE.rglob(f"*.{suffix}")]
    assert pages
    assert not [file.name for file in pages if kind in file.read_text(encoding="utf-8")]


def test_the_exceptions_are_there() -> None:
    assert every((PACKAGE / name).is_file() for name in DESCRIPTIONS)
