"""`sasa-nas supernet`: the command from end to end on digits."""

from pathlib import Path

import pytest
from assertions import every

from sasa_nas import supernet_agreement, supernet_scores
from sasa_nas.cli.app import main

COMMAND = ["supernet", "--space", "tiny", "--epochs", "1", "--train-images", "64", "--device", "cpu"]


@pytest.mark.slow
def test_a_space_is_judged_and_more_seeds_are_had_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "supernet"
    assert main([*COMMAND, "--out", str(out)]) == 0
    told, progress = capsys.readouterr()
    assert "8 networks judged" in told
    assert "Kendall" not in told
    assert "seed 0 epoch 1/1: train loss" in progress
    first = supernet_scores(out)
    assert len(first) == 8
    assert every(score < 0 for score in first.values())
    assert told.index(max(first, key=first.__getitem__)) < told.index(min(first, key=first.__getitem__))
    assert supernet_agreement(out) is None
    assert main([*COMMAND, "--out", str(out), "--seeds", "2"]) == 0
    told, progress = capsys.readouterr()
    assert "seed 0 epoch" not in progress
    tau = supernet_agreement(out)
    assert tau is not None
    assert f"Kendall's tau between two seeds, mean: {tau:.2f}" in told
    assert main([*COMMAND, "--out", str(out), "--train-images", "70"]) == 2
    assert "supernet of another space" in capsys.readouterr().err


def test_a_space_without_choices_of_operators_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "fixed.yaml"
    space.write_text("name: fixed\nstages: [{blocks: {choice: [1, 2]}, width: 8}]\n")
    assert main(["supernet", "--space", str(space), "--out", str(tmp_path / "out")]) == 2
    assert "no stage of space 'fixed' chooses its operator" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
