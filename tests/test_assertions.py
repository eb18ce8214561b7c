"""No test passes because nothing was there to be checked: `every` and its use in all tests."""

import ast
from pathlib import Path

import pytest
from assertions import every

TESTS = Path(__file__).parent


def test_every_holds_of_at_least_one_and_of_all() -> None:
    assert every([True, 1])
    assert not every([True, 0])
    assert not every([])
    assert not every(one for one in ())


def is_filled(node: ast.expr) -> bool:
    """Whether this is a display with an element that stands in it, whatever else is unpacked there."""
    if not isinstance(node, ast.Tuple | ast.List | ast.Set):
        return False
    return any(not isinstance(element, ast.Starred) for element in node.elts)


def vacuous_asserts(source: str) -> list[int]:
    """The lines of `assert all(...)` over what may be empty."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assert(test=ast.Call(func=ast.Name(id="all"), args=[argument])):
                match argument:
                    case ast.GeneratorExp(generators=[ast.comprehension(iter=items, ifs=[])]) if is_filled(items):
                        continue
                    case items if is_filled(items):
                        continue
                found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("assert all(x > 0 for x in found)", [1]),
        ("assert all(map(is_plain, found)), found", [1]),
        ("assert all(x > 0 for x in (*found, *others))", [1]),
        ("assert all(x > 0 for x in (1, 2) if x in found)", [1]),
        ("assert all(x > 0 for x in (1, *found))", []),
        ("assert all([a, b])", []),
        ("assert every(x > 0 for x in found)", []),
    ],
)
def test_an_assertion_over_what_may_be_empty_is_seen(source: str, lines: list[int]) -> None:
    assert vacuous_asserts(source) == lines


def test_what_may_be_empty_is_asserted_by_every() -> None:
    files = sorted(TESTS.rglob("*.py"))
    assert Path(__file__) in files
    found = {str(file.relative_to(TESTS)): vacuous_asserts(file.read_text(encoding="utf-8")) for file in files}
    assert {file: lines for file, lines in found.items() if lines} == {}, "use `every` of assertions.py"
