"""`--track` as a person types it; what a tracker then has is in tests/tracking."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from failing import fails

from sasa_nas.cli.app import main
from sasa_nas.cli.tracking import TrackerName
from sasa_nas.tracking.tools import TOOLS

PACKAGES = ("tensorboard", "wandb", "mlflow")
SEARCH = ("search", "--space", "tiny", "--dataset", "synthetic:additive", "--trials", "3")
CHILD = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorboard", "wandb", "mlflow"):
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Block())
import sasa_nas
sasa_nas.Tracking
from sasa_nas.cli.app import main
sys.exit(main(sys.argv[1:]))
"""


def test_names_are_those_of_the_tools() -> None:
    assert [name.value for name in TrackerName] == list(TOOLS) == list(PACKAGES)


@pytest.mark.parametrize(
    "command",
    [
        SEARCH,
        ("train", "resnet18", "--dataset", "digits"),
        ("train-detector", "retinanet_resnet50", "--dataset", "coco:/nowhere"),
    ],
)
def test_a_tool_that_is_missing_is_a_line_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    line = fails(capsys, *command, "--out", tmp_path / "out", "--track", "wandb")
    assert "pip install 'sasa-nas[wandb]'" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_nothing_is_imported_that_is_not_asked_for(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, *SEARCH, "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Run:" in done.stdout


@pytest.mark.slow
def test_event_files_of_a_search_and_of_its_resume(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    assert main([*SEARCH, "--out", str(run), "--track", "tensorboard"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"resume .*run --trials 6 --track tensorboard$", out, flags=re.MULTILINE)
    assert main(["resume", str(run), "--trials", "4", "--track", "tensorboard"]) == 0
    folders = sorted((run / "tensorboard").glob("trial-*"))
    assert len(folders) == 4
    for folder in folders:
        events = EventAccumulator(str(folder))
        events.Reload()
        assert [event.step for event in events.Scalars("final/accuracy")] == [events.Scalars("accuracy")[-1].step]
    assert main(["pareto", str(run)]) == 0


@pytest.mark.slow
def test_a_tool_that_fails_in_the_middle_is_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    from sasa_nas.tracking.tools.tensorboard import SummaryWriter

    def full(self: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SummaryWriter, "flush", full)
    assert main([*SEARCH, "--out", str(tmp_path / "run"), "--track", "tensorboard"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("sasa-nas:")]
    assert lines == ["sasa-nas: tensorboard is left out from now on: [Errno 28] No space left on device"]
