"""`sasa-nas retrain`: the table, the JSON, what goes on, and failures in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from assertions import every

from sasa_nas.cli.app import main
from sasa_nas.operators.local_attention import LocalAttention
from sasa_nas.run import TrialRecord
from sasa_nas.space import Architecture, Stage
from sasa_nas.stems.conv import ConvStem

OPTIONS = ["--epochs", "1", "--seeds", "2", "--batch-size", "512", "--image-size", "6", "--device", "cpu"]


@pytest.fixture
def run(make_run: Callable[..., Path], make_record: Callable[..., TrialRecord]) -> Path:
    """Two networks on the front, and one that is not."""
    stages = (Stage(blocks=1, width=8, stride=2, operator=LocalAttention(kernel_size=3, num_heads=2)),)
    design = Architecture(block="basic", stem=ConvStem(width=8), stages=stages)
    records = [make_record(0, 0.5, 1000), make_record(1, 0.7, 2000), make_record(2, 0.6, 3000)]
    return make_run([record.model_copy(update={"full_size": design}) for record in records])


@pytest.mark.slow
def test_the_front_is_trained_shown_and_gone_on_with(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    assert main(["retrain", str(run), *OPTIONS]) == 0
    out, err = capsys.readouterr()
    assert "2 of 2 networks trained, 2 seeds, 1 epochs on digits, target size." in out
    assert "too few to judge the proxy by" in out
    assert f"report {run}" in out
    assert "network 2 of 2, trial 1" in err
    assert "about a minute: 2 networks, 2 seeds, 1 epoch each\n" in err
    assert main(["retrain", str(run), "--trial", "2", "--json"]) == 0
    out, _ = capsys.readouterr()
    data = json.loads(out)
    assert sorted(network["trial"] for network in data["networks"]) == [0, 1, 2]
    assert every(len(network["test"]["values"]) == 2 for network in data["networks"])
    assert {"name", "size", "correlations", "verdict", "proxy_loses", "gain"} <= set(data)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--trial", "9"], "trial 9"),
        (["--dataset", "nonesuch"], "nonesuch"),
        (["--size", "huge"], "huge"),
        (["--seeds", "0"], "--seeds"),
        (["--name", "a/b"], "--name 'a/b'"),
        (["--at-once", "0"], "--at-once"),
        (["--gpus", "some"], "--gpus some"),
        (["--gpus", "2"], "several processes train by a full recipe alone"),
    ],
)
def test_failures_are_one_line_and_leave_nothing(
    capsys: pytest.CaptureFixture[str], run: Path, arguments: list[str], words: str
) -> None:
    assert main(["retrain", str(run), *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err
    assert not (run / "retrain").exists()


def test_a_folder_that_is_no_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["retrain", str(tmp_path)]) == 2
    assert "is not a run" in capsys.readouterr().err
