"""`sasa-nas table`: wrong input, and a small table from the command line."""

from pathlib import Path

import pytest
from failing import fails

from sasa_nas.cli.app import main
from sasa_nas.table import load_table

SPACE = """
name: two
block: basic
stem: {kind: conv, width: 2, kernel_size: 3, stride: 1, pool: false}
stages: [{blocks: 1, width: {choice: [2, 4]}}]
proxy: {dataset: digits, recipe: {epochs: 1, batch_size: 512}}
"""


def test_a_space_that_is_too_large_or_unknown_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "t.json.gz"
    assert "a table takes at most" in fails(capsys, "table", "--space", "resnet_hybrid", "--out", out)
    assert "did you mean 'tiny'" in fails(capsys, "table", "--space", "tny", "--out", out)
    assert "unknown dataset 'dgits'" in fails(
        capsys, "table", "--space", "hybrid256", "--dataset", "dgits", "--out", out
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_table_is_made_and_replayed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    space, out = tmp_path / "two.yaml", tmp_path / "t.json.gz"
    space.write_text(SPACE, encoding="utf-8")
    command = ["table", "--space", str(space), "--out", str(out), "--seeds", "2", "--repeated", "1"]
    assert main([*command, "--workers", "1", "--epochs", "2"]) == 0
    captured = capsys.readouterr()
    assert "2 networks, 3 trainings of 2 epochs" in captured.out
    assert "reliability of one training " in captured.out
    assert "3/3 network" in captured.err
    assert "measuring the latency of 2 networks" in captured.err
    assert len(load_table(out).rows) == 2
    assert main(["search", "--replay", str(out), "--trials", "2", "--out", str(tmp_path / "run")]) == 0
    assert "Trials: 2 trained" in capsys.readouterr().out
