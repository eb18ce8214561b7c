"""The file of a run's trials: a line for each change, the last of which counts; cut off anywhere, it can be read."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sasa_nas.errors import UserError
from sasa_nas.files import UnfitFile
from sasa_nas.run import Outcome, TrialRecord
from sasa_nas.run import trial_log as module
from sasa_nas.run.stored_trial import Sampling, StoredTrial
from sasa_nas.run.trial_log import TrialLog, read_log, write_log


def made(number: int, outcome: Outcome = Outcome.RUNNING) -> StoredTrial:
    accuracy = 0.5 if outcome is Outcome.TRAINED else None
    return StoredTrial(TrialRecord(number=number, outcome=outcome, accuracy=accuracy), Sampling())


CHANGES = [made(0), made(1), made(0, Outcome.TRAINED), made(2), made(1, Outcome.BROKEN)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in which three trials changed five times."""
    path = tmp_path / "trials.jsonl"
    with TrialLog(path, "go on") as log:
        assert log.trials == []
        for trial in CHANGES:
            log.append(trial)
    return path


def test_the_last_line_of_a_trial_counts(path: Path) -> None:
    expected = [CHANGES[2], CHANGES[4], CHANGES[3]]
    assert read_log(path) == [trial.record for trial in expected]
    with TrialLog(path, "go on") as log:
        assert log.trials == expected
        log.append(made(2, Outcome.TRAINED))
    assert read_log(path)[2].outcome is Outcome.TRAINED


def test_cut_off_at_any_byte_it_holds_what_was_whole_and_goes_on(path: Path) -> None:
    whole = path.read_bytes()
    for size in range(0, len(whole) + 1, 7):
        path.write_bytes(whole[:size])
        lines = [json.loads(line) for line in whole[:size].split(b"\n")[:-1]]
        latest = {line["number"]: line["outcome"] for line in lines}
        assert {record.number: record.outcome for record in read_log(path)} == latest
        with TrialLog(path, "go on") as log:
            log.append(made(len(latest)))
        assert [record.number for record in read_log(path)] == list(range(len(latest) + 1))


def test_zeros_that_a_power_failure_leaves_at_the_end_are_cut_off(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(4096))
    assert len(read_log(path)) == 3
    with TrialLog(path, "go on") as log:
        log.append(made(3))
    assert len(read_log(path)) == 4


def test_an_end_is_on_the_disk_before_the_search_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("sasa_nas.run.trial_log.os.fsync", synced.append)
    with TrialLog(tmp_path / "trials.jsonl", "go on") as log:
        counts = []
        for trial in CHANGES:
            log.append(trial)
            counts.append(len(synced))
    assert counts == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda lines: [lines[0][:-3], *lines[1:]], "line 1 is no JSON"),
        (lambda lines: [lines[0], bytes(20), *lines[1:]], "line 2 is no JSON"),
        # the beginning of a line that counts no more, joined to the end of another trial's
        (lambda lines: [lines[0][:40] + lines[2], *lines[1:]], "line 1 is no JSON"),
        (lambda lines: [*lines, b'{"number":1,"outcome":"lost","number":2}'], "line 6 has two numbers"),
        (lambda lines: [*lines, b""], "line 6 is no JSON"),
        (lambda lines: [*lines, b"[" * 100_000], "line 6 is no JSON"),
        (lambda lines: [*lines, b"\xff\xfe"], "line 6 is no JSON"),
        (lambda lines: [*lines, b"9" * 5_000], "line 6 is no JSON"),
        (lambda lines: [*lines, b"[1]"], "line 6 holds no trial"),
        (lambda lines: lines[1:], "line 1: .* trials before it are missing"),
        (lambda lines: [*lines, b"{}"], "line 6: there is no number"),
        (lambda lines: [*lines, b'{"number":true}'], "line 6: there is no number"),
        (lambda lines: [*lines, b'{"number":-1}'], "line 6: there is no number"),
        (lambda lines: [*lines, b'{"number":1e3}'], "line 6: there is no number"),
        (lambda lines: [*lines, b'{"number":1' + b"0" * 4_000 + b"}"], "line 6: there is no number"),
        (lambda lines: [*lines, b'{"number":2}'], "trial 2: outcome: Field required"),
        (lambda lines: [*lines, b'{"number":2,"outcome":"lost","flops":-1}'], "trial 2: flops"),
    ],
)
def test_other_damage_is_named(path: Path, damage: Callable[[list[bytes]], list[bytes]], words: str) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in damage(path.read_bytes().split(b"\n")[:-1])))
    damaged = path.read_bytes()
    with pytest.raises(ValueError, match=words):
        read_log(path)
    with pytest.raises(ValueError, match=words):
        TrialLog(path, "go on")
    assert path.read_bytes() == damaged


def test_a_write_that_the_disk_takes_in_part_is_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, write = path.read_bytes(), os.write
    with TrialLog(path, "sasa-nas resume x") as log:
        answers = iter([10, OSError(28, "No space left on device")])

        def take(file: int, data: bytes) -> int:
            answer = next(answers)
            if isinstance(answer, OSError):
                raise answer
            return write(file, data[:answer])

        monkeypatch.setattr("sasa_nas.run.trial_log.os.write", take)
        with pytest.raises(UserError, match=r"cannot be written: No space left on device; .*`sasa-nas resume x`"):
            log.append(made(3))
        monkeypatch.undo()
        assert path.read_bytes() == before
        log.append(made(3))
    assert len(read_log(path)) == 4


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    write_log(path, CHANGES[:2])
    with TrialLog(path, "go on") as log:
        assert log.trials == CHANGES[:2]


def test_what_is_no_plain_file_or_too_large_is_not_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    for open_it in (read_log, lambda place: TrialLog(place, "go on")):
        with pytest.raises(UnfitFile, match="symbolic link"):
            open_it(link)
    monkeypatch.setattr(module, "LARGEST_LOG", 100)
    with pytest.raises(UnfitFile, match="more than 100 bytes"):
        read_log(path)
