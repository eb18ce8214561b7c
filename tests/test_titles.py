"""First lines of docstrings: noun phrases and verb phrases, never a question. Ruff's D401 keeps verbs imperative."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import sasa_nas

PACKAGE = Path(sasa_nas.__file__).parent
QUESTIONS = (
    "As",
    "Does",
    "How",
    "Of",
    "What",
    "When",
    "Where",
    "Whether",
    "Which",
    "Who",
    "Whoever",
    "Whose",
    "Why",
)


def titles(file: Path) -> Iterator[str]:
    """The first lines of a file's docstrings."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (ast.get_docstring(node) or "").splitlines()[:1]


@pytest.mark.parametrize("folder", [PACKAGE, PACKAGE.parent / "benchmarks", PACKAGE.parent / "examples"], ids=str)
def test_no_title_is_a_question(folder: Path) -> None:
    found = [(file.relative_to(folder), title) for file in sorted(folder.rglob("*.py")) for title in titles(file)]
    assert found
    assert not [pair for pair in found if pair[1].split(" ")[0].rstrip(",") in QUESTIONS]
