"""A channel to a tool that fails, hangs, or was followed before by a session that was killed."""

import json
import threading
import time
from pathlib import Path

import pytest
from recording_tool import Recorded, RecordingTool

from sasa_nas.files import write_text
from sasa_nas.tracking import RunDescription, Status
from sasa_nas.tracking.channel import Channel
from sasa_nas.tracking.ledger import FILE
from sasa_nas.tracking.tracker import Earlier

RUN = RunDescription("seed-0", "seed 0", "train", {"seed": 0})
NOWHERE = Path("nowhere.jsonl")


def curve(file: Path, epochs: int) -> Path:
    """Writes a metrics.jsonl, some fields of which are no finite numbers."""
    points = [{"epoch": e, "accuracy": e / 10, "bad": None, "loss": float("nan")} for e in range(1, epochs + 1)]
    write_text(file, "".join(json.dumps(point) + "\n" for point in points))
    return file


@pytest.fixture
def lines() -> list[str]:
    return []


def test_a_run_has_every_point_of_its_file_once(tool: RecordingTool, tmp_path: Path, lines: list[str]) -> None:
    for last in (2, 5):
        channel = Channel(tool, tmp_path, lines.append)
        channel.start(RUN)
        for epoch in range(1, last + 1):
            channel.advance("seed-0", epoch, {"accuracy": -1.0}, curve(tmp_path / "metrics.jsonl", epoch))
        channel.close()
        channel.join()
    recorded = tool.runs["seed-0"]
    assert recorded.points == [(e, {"accuracy": e / 10}) for e in range(1, 6)]
    assert recorded.statuses == [Status.INTERRUPTED] * 2
    assert recorded.starts == 2
    assert tool.groups == {tmp_path.name}
    assert not lines


def test_without_a_file_the_events_are_logged(tool: RecordingTool, tmp_path: Path, lines: list[str]) -> None:
    channel = Channel(tool, tmp_path, lines.append)
    channel.start(RUN)
    for epoch in (1, 2, 2, 1, 3):  # a worker that was lost trains epochs again
        channel.advance("seed-0", epoch, {"loss": float(epoch)}, NOWHERE)
    channel.end(RUN, Status.STOPPED, {"accuracy": 0.5}, {"reason": "enough"}, NOWHERE)
    channel.advance("seed-0", 4, {"loss": 4.0}, NOWHERE)
    channel.close()
    channel.join()
    recorded = tool.runs["seed-0"]
    assert recorded.steps == [1, 2, 3]
    assert (recorded.statuses, recorded.results, recorded.notes) == (
        [Status.STOPPED],
        {"accuracy": 0.5},
        {"reason": "enough"},
    )
    assert not lines


def test_a_run_that_has_ended_is_not_ended_again(tool: RecordingTool, tmp_path: Path, lines: list[str]) -> None:
    file = curve(tmp_path / "metrics.jsonl", 2)
    for status in (Status.FAILED, Status.FAILED, Status.FINISHED, Status.FINISHED):
        channel = Channel(tool, tmp_path, lines.append)
        channel.end(RUN, status, {}, {}, file)
        channel.close()
        channel.join()
    assert tool.runs["seed-0"].steps == [1, 2]
    assert tool.runs["seed-0"].statuses == [Status.FAILED, Status.FINISHED]


@pytest.mark.parametrize("end", ["", '{"run": "seed-0", "dest', '\nnull\n{"run": "seed-0", "id": "../x", "step": 1}'])
def test_a_ledger_that_a_kill_cut_off_still_counts(
    tool: RecordingTool, tmp_path: Path, lines: list[str], end: str
) -> None:
    for epochs in (2, 3, 4):
        channel = Channel(tool, tmp_path, lines.append)
        channel.start(RUN)
        channel.advance("seed-0", epochs, {}, curve(tmp_path / "metrics.jsonl", epochs))
        channel.close()
        channel.join()
        with (tmp_path / tool.name / FILE).open("a") as ledger:
            ledger.write(end)
    assert tool.runs["seed-0"].steps == [1, 2, 3, 4]
    assert not lines


def test_another_destination_gets_all_of_it(tool: RecordingTool, tmp_path: Path, lines: list[str]) -> None:
    file = curve(tmp_path / "metrics.jsonl", 2)
    first = Channel(tool, tmp_path, lines.append)
    first.end(RUN, Status.FINISHED, {}, {}, file)
    first.close()
    first.join()
    other = RecordingTool()
    other.destination = "https://user:secret@elsewhere"
    second = Channel(other, tmp_path, lines.append)
    second.end(RUN, Status.FINISHED, {}, {}, file)
    second.close()
    second.join()
    assert other.runs["seed-0"].steps == [1, 2]
    assert "secret" not in (tmp_path / tool.name / FILE).read_text()


def test_a_tool_that_fails_is_left_out_with_one_line(tmp_path: Path, lines: list[str]) -> None:
    tool = RecordingTool(fail_at=2)
    channel = Channel(tool, tmp_path, lines.append)
    channel.start(RUN)
    channel.start(RunDescription("seed-1", "seed 1", "train", {}))
    channel.advance("seed-0", 1, {"loss": 1.0}, NOWHERE)
    channel.close()
    channel.join()
    assert lines == ["recording is left out from now on: no route to http://host at all"]
    assert tool.runs["seed-0"].steps == []


def test_a_tool_that_hangs_is_left_out_with_one_line(tmp_path: Path, lines: list[str]) -> None:
    hang = threading.Event()
    tool = RecordingTool(hang=hang)
    channel = Channel(tool, tmp_path, lines.append, patience=0.05)
    channel.start(RUN)
    channel.advance("seed-0", 1, {"loss": 1.0}, NOWHERE)
    channel.close()
    channel.join()
    assert lines == ["recording is left out from now on: it has not answered for 0.05 seconds"]
    hang.set()


@pytest.mark.parametrize("link", ["", FILE])
def test_links_in_a_stranger_s_folder_are_not_followed(
    tool: RecordingTool, tmp_path: Path, lines: list[str], link: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = tmp_path / "run" / tool.name / link
    place.parent.mkdir(parents=True)
    place.symlink_to(elsewhere / link)
    channel = Channel(tool, tmp_path / "run", lines.append)
    channel.start(RUN)
    channel.close()
    channel.join()
    assert len(lines) == 1
    assert "it is a symbolic link" in lines[0]
    assert not list(elsewhere.iterdir())


def test_a_slow_tool_is_waited_for_as_long_as_it_answers(tmp_path: Path, lines: list[str]) -> None:
    class Slow(RecordingTool):
        def start(self, run: RunDescription, earlier: Earlier | None) -> Recorded:
            time.sleep(0.12)
            return super().start(run, earlier)

    tool = Slow()
    channel = Channel(tool, tmp_path, lines.append, patience=0.8)
    for number in range(8):
        channel.start(RunDescription(f"seed-{number}", "", "train", {}))
    channel.close()
    channel.join()
    assert not lines
    assert [run.statuses for run in tool.runs.values()] == [[Status.INTERRUPTED]] * 8


def test_a_folder_that_cannot_be_made_is_a_failure_too(tool: RecordingTool, tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / tool.name).write_text("")
    channel = Channel(tool, tmp_path, lines.append)
    channel.start(RUN)
    channel.close()
    channel.join()
    assert len(lines) == 1
    assert "File exists" in lines[0]
