"""Docstrings: titles are noun or verb phrases, never a question (Ruff's D401 keeps verbs imperative); entries, too."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
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

FRAGMENTS = (
    *(word for word in QUESTIONS if word != "Whether"),
    "Another",
    "At",
    "By",
    "Called",
    "In",
    "Knows",
    "Likewise",
    "On",
    "Told",
)
"""First words of an entry that does not say what the argument is."""
ENTRY = re.compile(r"    (\*{0,2}\w+)(?: \(.*?\))?: (\w+)")


def entries(docstring: str) -> Iterator[tuple[str, str]]:
    """The names in the sections of arguments and attributes, and the first word on each."""
    section = ""
    for line in docstring.splitlines():
        if re.fullmatch(r"\w+:", line):
            section = line
        found = ENTRY.match(line)
        if found and section in ("Args:", "Attributes:"):
            yield found[1], found[2]


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


def test_every_entry_says_what_the_argument_is() -> None:
    found = [
        (file.relative_to(PACKAGE), name, word)
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for name, word in entries(ast.get_docstring(node) or "")
    ]
    assert len(found) > 1000
    assert not [entry for entry in found if entry[2] in FRAGMENTS]


def attribute_docstrings(file: Path) -> Iterator[str]:
    """The strings below assignments."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        body = node.body if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) else []
        for statement, following in pairwise(body):
            match statement, following:
                case ast.Assign() | ast.AnnAssign(), ast.Expr(value=ast.Constant(value=str(text))):
                    yield text


def test_every_attribute_says_what_it_is() -> None:
    found = [(file.relative_to(PACKAGE), text) for file in PACKAGE.rglob("*.py") for text in attribute_docstrings(file)]
    assert len(found) > 300
    assert not [entry for entry in found if re.split(r"\W", entry[1])[0] in FRAGMENTS]
