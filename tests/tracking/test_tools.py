"""Each tool's own reader finds all that was tracked, over two sessions.

Tools that are not installed are skipped: TensorBoard is in the extra dev, Weights & Biases and MLflow are not.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sasa_nas.errors import UserError
from sasa_nas.tracking import RunDescription, Status, Tracking
from sasa_nas.tracking.ledger import FILE
from sasa_nas.tracking.tools import TOOLS, find_tool

NOWHERE = Path("nowhere.jsonl")


@dataclass
class Read:
    """A run as a reader has it."""

    points: list[tuple[int, float]]
    """The accuracies by step."""
    parameters: dict[str, Any]
    final: float | None
    status: str
    """The tool's own word, or code."""
    note: str
    """The status by our name."""


def read_tensorboard(root: Path) -> dict[str, Read]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    found = {}
    for folder in (root / "tensorboard").glob("*/"):
        events = EventAccumulator(str(folder))
        events.Reload()
        records = {
            tag.rpartition("/")[2]: HParamsPluginData.FromString(content)
            for tag, content in events.PluginTagToContent("hparams").items()
        }
        values = {
            name: getattr(value, str(value.WhichOneof("kind")))
            for name, value in records["session_start_info"].session_start_info.hparams.items()
        }
        ended = records.get("session_end_info")
        scalars = events.Tags()["scalars"]
        (name,) = [tag for tag in events.Tags()["tensors"] if tag.startswith("status")]
        found[folder.name] = Read(
            points=[(event.step, event.value) for event in events.Scalars("accuracy")],
            parameters=values,
            final=events.Scalars("final/accuracy")[-1].value if "final/accuracy" in scalars else None,
            status="none" if ended is None else str(ended.session_end_info.status),
            note=events.Tensors(name)[-1].tensor_proto.string_val[0].decode(),
        )
    return found


def read_mlflow(root: Path) -> dict[str, Read]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{root / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(root.name)
    found = {}
    for run in client.search_runs([experiment.experiment_id]):
        points = client.get_metric_history(run.info.run_id, "accuracy")
        found[run.info.run_name.replace(" ", "-")] = Read(
            points=sorted((point.step, point.value) for point in points),
            parameters=run.data.params,
            final=run.data.metrics.get("final/accuracy"),
            status=run.info.status,
            note=run.data.tags["sasa_nas.status"],
        )
    return found


def read_wandb(root: Path) -> dict[str, Read]:
    found: dict[str, Read] = {}
    for file in sorted((root / "wandb").glob("offline-run-*/*.wandb")):
        command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json"]
        lines = subprocess.run([*command, str(file)], capture_output=True, text=True, check=True).stdout.splitlines()
        records = [json.loads(line) for line in lines]
        one = json.loads(subprocess.check_output([*command, "--summary", str(file)], text=True))
        rows = [record["history"]["item"] for record in records if record["type"] == "history"]
        name = one["name"].replace(" ", "-")
        earlier = found[name].points if name in found else []
        found[name] = Read(
            points=earlier + [(row["_step"], row["accuracy"]) for row in rows],
            parameters=one["config"],
            final=one["summary"].get("final/accuracy"),
            status=str(one["exit_code"]),
            note=one["summary"]["status"],
        )
    return found


READERS = {
    "tensorboard": (read_tensorboard, {"finished": "1", "stopped": "1", "failed": "2", "interrupted": "none"}),
    "mlflow": (
        read_mlflow,
        {"finished": "FINISHED", "stopped": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"},
    ),
    "wandb": (read_wandb, {"finished": "0", "stopped": "0", "failed": "1", "interrupted": "255"}),
}


FIRST = {0: Status.FINISHED, 1: Status.STOPPED, 2: Status.FAILED, 3: None, 4: None}
"""Trials of the first session, with their statuses; those without are cut off."""
SECOND = {3: Status.FINISHED, 4: None}
"""Trials of the second session, which goes on with them."""


def track(name: str, root: Path, trials: dict[int, Status | None], epochs: range) -> None:
    """One session of trainings side by side."""
    lines: list[str] = []
    runs = {
        number: RunDescription(f"trial-{number}", f"trial {number}", "search", {"operator.0": "conv", "seed": number})
        for number in trials
    }
    with Tracking(name, warn=lines.append) as tracking:
        for run in runs.values():
            tracking.start(root, run)
        for epoch in epochs:
            for run in runs.values():
                tracking.advance(root, run.key, epoch, {"accuracy": epoch / 8, "loss": 2.0}, NOWHERE)
        for number, status in trials.items():
            if status is not None:
                tracking.end(root, runs[number], status, NOWHERE, {"accuracy": 0.75}, {"reason": "why"})
    assert lines == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TOOLS)
def test_its_reader_finds_every_point_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(name)
    for variable in ("WANDB_MODE", "WANDB_DIR", "WANDB_PROJECT", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(variable, raising=False)
    track(name, tmp_path, FIRST, range(1, 3))
    track(name, tmp_path, SECOND, range(3, 5))
    read, words = READERS[name]
    found = read(tmp_path)
    assert set(found) == {f"trial-{number}" for number in FIRST}
    for number, status in (FIRST | SECOND).items():
        run, note = found[f"trial-{number}"], status or Status.INTERRUPTED
        assert run.points == [(epoch, epoch / 8) for epoch in range(1, 5 if number in SECOND else 3)]
        assert run.parameters["operator.0"] == "conv"
        assert float(run.parameters["seed"]) == number
        assert run.final == (0.75 if status else None)
        assert (run.note, run.status) == (note, words[note])


@pytest.mark.slow
def test_a_point_that_a_kill_kept_from_the_ledger_is_shown_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    track("tensorboard", tmp_path, {0: None}, range(1, 4))
    ledger = tmp_path / "tensorboard" / FILE
    ledger.write_text("".join(line for line in ledger.read_text().splitlines(keepends=True) if '"step":3' not in line))
    track("tensorboard", tmp_path, {0: Status.FINISHED}, range(3, 6))
    assert read_tensorboard(tmp_path)["trial-0"].points == [(epoch, epoch / 8) for epoch in range(1, 6)]


@pytest.mark.parametrize("name", TOOLS)
def test_one_that_is_not_installed_is_named_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=rf"pip install 'sasa-nas\[{name}\]'"):
        find_tool(name)


def test_an_unknown_one_is_told_the_others() -> None:
    with pytest.raises(UserError, match="no tracker 'tensorbord'; there are tensorboard, wandb, mlflow"):
        Tracking("tensorbord")


def test_an_online_tool_without_a_key_is_told_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(UserError, match="wandb login"):
        Tracking("wandb")
