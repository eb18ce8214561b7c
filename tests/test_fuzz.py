"""Of mutated spaces and command lines, each ends right or with one line; see `benchmarks/fuzz.py`."""

import json
from pathlib import Path

import pytest
from forked import run_forked
from fuzz_commands import command_cases
from fuzz_spaces import space_cases

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_a_seed_fixes_the_cases_and_each_case_is_another() -> None:
    for generate in (space_cases, command_cases):
        cases = list(generate(3, 40))
        assert list(generate(3, 40)) == cases
        assert list(generate(4, 40)) != cases
        assert [case.number for case in cases] == list(range(40))
    # no case leaves anything behind that a later one would find
    assert [case.content for case in space_cases(3, 400)][:40] == [case.content for case in space_cases(3, 40)]
    assert len({case.content for case in space_cases(3, 40)}) > 35
    assert len({case.arguments for case in command_cases(3, 40)}) > 35


@pytest.mark.slow
@pytest.mark.parametrize("count", [40, pytest.param(200, marks=[pytest.mark.night, pytest.mark.timeout(400)])])
def test_nothing_odd_breaks(count: int, tmp_path: Path) -> None:
    cases = ["--spaces", str(count), "--commands", str(count)]
    done = run_forked([BENCHMARKS / "fuzz.py", *cases, "--out", tmp_path / "fuzz.json"], timeout=count + 90)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "fuzz.json").read_text(encoding="utf-8"))
    for kind in ("spaces", "commands"):
        assert found[kind]["wrong"] == []
        assert found[kind]["right"] + found[kind]["one_line"] == found[kind]["cases"] == count
        assert found[kind]["right"] >= 2
    assert found["commands"]["of_these_cut_off_before_long_work"] >= 2
