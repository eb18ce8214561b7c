"""Learning curves: from the trial's file, from its record, and from files that are nobody's."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sasa_nas.run import Outcome, RunError, RunFolder, TrialRecord
from sasa_nas.run import curves as curves_module
from sasa_nas.run.curves import Curve, read_curve

RECORD = TrialRecord(number=3, outcome=Outcome.TRAINED, accuracy=0.9, epochs=9, rungs={1: 0.5, 3: 0.75})


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path)
    folder.trial(3).path.mkdir(parents=True)
    return folder


def line(epoch: object, accuracy: object) -> str:
    return json.dumps({"epoch": epoch, "accuracy": accuracy, "train_loss": 1.0}) + "\n"


def test_the_file_is_what_counts(run: RunFolder) -> None:
    run.trial(3).metrics.write_text(line(1, 0.25) + line(2, 0.5))
    assert read_curve(run, RECORD) == Curve((1, 2), (0.25, 0.5))


def test_without_a_file_the_record_tells_its_rungs_and_its_end(run: RunFolder) -> None:
    assert read_curve(run, RECORD) == Curve((1, 3, 9), (0.5, 0.75, 0.9))
    stopped = RECORD.model_copy(update={"outcome": Outcome.STOPPED, "accuracy": None, "epochs": 3})
    assert read_curve(run, stopped) == Curve((1, 3), (0.5, 0.75))


def test_nothing_known_is_no_curve(run: RunFolder) -> None:
    assert read_curve(run, TrialRecord(number=3, outcome=Outcome.RUNNING)) is None
    run.trial(3).metrics.write_text("")
    assert read_curve(run, RECORD) is None


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]\n",
        b"\xff\xfe",
        line(0, 0.5).encode(),
        line("1", 0.5).encode(),
        line(True, 0.5).encode(),
        line(1, "high").encode(),
        line(1, None).encode(),
        b'{"epoch": 1, "accuracy": NaN}\n',
        b'{"epoch": 1, "accuracy": 1e999}\n',
        line(1, 0.5).encode() + b'{"epoch": 2, "accur',
        b"[" * 100_000,
        b"1" * 5000,
    ],
)
def test_a_damaged_file_is_one_line(run: RunFolder, content: bytes) -> None:
    run.trial(3).metrics.write_bytes(content)
    with pytest.raises(RunError, match=r"0003/metrics.jsonl is damaged or foreign: ") as caught:
        read_curve(run, RECORD)
    assert "\n" not in str(caught.value)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_random_bytes_are_a_curve_or_a_run_error(run: RunFolder, content: bytes) -> None:
    run.trial(3).metrics.write_bytes(content)
    with suppress(RunError):
        curve = read_curve(run, RECORD)
        assert curve is None or len(curve.epochs) == len(curve.accuracies)


def test_a_file_too_large_is_not_read(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves_module, "LARGEST_CURVE", 10)
    run.trial(3).metrics.write_text(line(1, 0.5))
    with pytest.raises(RunError, match="has more than 10 bytes"):
        read_curve(run, RECORD)


def test_what_is_no_plain_file_is_not_opened(run: RunFolder) -> None:
    # a pipe would block whoever reads it
    os.mkfifo(run.trial(3).metrics)
    assert read_curve(run, RECORD) == Curve((1, 3, 9), (0.5, 0.75, 0.9))
