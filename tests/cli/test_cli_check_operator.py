import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from failing import fails

from sasa_nas.cli.app import main
from sasa_nas.operators.plugins import unload_operators
from sasa_nas.testing import OPERATOR_CHECKS

EXAMPLE = (Path(__file__).parents[2] / "examples" / "own_operator.py").read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "checked.py"
    path.write_text(EXAMPLE, encoding="utf-8")
    yield path
    unload_operators("checked")


def test_a_line_for_every_check(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-operator", str(file), "--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    quick = [check for check in OPERATOR_CHECKS if not check.slow]
    assert lines[: len(quick)] == [f"ok       dilated_attention: {check.name}" for check in quick]
    assert lines[len(quick)] == f"{len(quick)} ok, 0 failed, 0 skipped"
    assert f"--operators {file}" in lines[-1]


def test_failures_are_counted_and_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(EXAMPLE.replace("av=pairs * layer.out_channels", "av=0"), encoding="utf-8")
    assert main(["check-operator", str(file), "--quick", "--kind", "dilated_attention", "--json"]) == 2
    captured = capsys.readouterr()
    rows = {row["check"]: row for row in json.loads(captured.out)}
    assert {name for name, row in rows.items() if row["status"] == "failed"} == {"multiply-accumulates"}
    assert "counts 15120" in rows["multiply-accumulates"]["message"]
    number = sum(not check.slow for check in OPERATOR_CHECKS)
    assert captured.err == f"sasa-nas: 1 of {number} checks failed: dilated_attention: multiply-accumulates\n"


def test_wrong_input_is_one_line(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read" in fails(capsys, "check-operator", tmp_path / "nowhere.py")
    message = fails(capsys, "check-operator", file, "--kind", "conv")
    assert "registers no operator 'conv'; it registers: dilated_attention" in message
