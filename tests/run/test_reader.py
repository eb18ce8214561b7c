"""Reading a run: nothing is written, nothing is run, and whatever is damaged is one line."""

import json
from pathlib import Path

import pytest

from sasa_nas.run import Outcome, RunError, RunFolder, TrialRecord, read_info, read_trials
from sasa_nas.run.stored_trial import Sampling, StoredTrial
from sasa_nas.run.trial_log import TrialLog


@pytest.fixture
def run(make_run, make_record) -> RunFolder:
    return RunFolder(make_run([make_record(0, 0.5, 1000), make_record(1, 0.75, 3000)]))


def complaint(folder: RunFolder) -> str:
    """The one line that both readings, or that of the trials alone, end with."""
    with pytest.raises(RunError) as caught:
        read_trials(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    assert str(folder.path) in message
    return message


def test_a_run_is_read(run: RunFolder) -> None:
    info = read_info(run)
    assert info.space["name"] == "tiny"
    assert info.settings.trials == 8
    assert [(trial.number, trial.accuracy) for trial in read_trials(run)] == [(0, 0.5), (1, 0.75)]


def test_reading_writes_nothing(run: RunFolder) -> None:
    def state() -> dict[str, tuple[int, bytes]]:
        files = [path for path in run.path.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = state()
    read_info(run)
    read_trials(run)
    assert state() == before


def test_a_run_in_a_read_only_folder_is_read(run: RunFolder) -> None:
    run.log.chmod(0o444)
    run.path.chmod(0o555)
    try:
        assert len(read_trials(run)) == 2
    finally:
        run.path.chmod(0o755)


@pytest.mark.parametrize("name", ["with space", "a?b#c", "100%25", "größe", "mode=rwc&x"])
def test_folders_may_have_any_name(make_run, make_record, name: str) -> None:
    folder = RunFolder(make_run([make_record(0, 0.5, 1000)]))
    moved = RunFolder(folder.path.rename(folder.path.with_name(name)))
    assert len(read_trials(moved)) == 1


def test_a_run_being_searched_is_read(run: RunFolder) -> None:
    with TrialLog(run.log, "") as log:
        log.append(StoredTrial(TrialRecord(number=2, outcome=Outcome.RUNNING), Sampling()))
        last = read_trials(run)[-1]
    assert (last.number, last.outcome) == (2, Outcome.RUNNING)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    assert "is not a run: it has no run.json; `sasa-nas search` makes runs" in complaint(RunFolder(tmp_path))
    assert "is not a run" in complaint(RunFolder(tmp_path / "none"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file: Invalid JSON"),
        (b"null", "the file: "),
        (b"[]", "the file: "),
        (b"{}", "space: Field required"),
        (b"\x80\x81", "cannot be read"),
        (b'{"space": ' + b"[" * 100_000, "the file: Invalid JSON"),
        (b'{"format": 2}', "format: "),
    ],
)
def test_a_damaged_run_json(run: RunFolder, content: bytes, words: str) -> None:
    run.info.write_bytes(content)
    assert words in complaint(run)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_a_truncated_run_json(run: RunFolder, keep: float) -> None:
    whole = run.info.read_bytes()
    run.info.write_bytes(whole[: int(len(whole) * keep)])
    assert "run.json is damaged or foreign: " in complaint(run)


@pytest.mark.parametrize(
    ("field", "value"),
    [("settings", {"trials": 0}), ("settings", {"trails": 3}), ("created", "yesterday"), ("space", [1])],
)
def test_a_foreign_run_json_names_its_field(run: RunFolder, field: str, value: object) -> None:
    data = json.loads(run.info.read_text())
    run.info.write_text(json.dumps({**data, field: value}))
    assert f"damaged or foreign: {field}" in complaint(run)


def test_a_run_json_that_is_a_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.info.mkdir()
    assert "cannot be read" in complaint(folder)


def test_a_run_without_trials(run: RunFolder) -> None:
    run.log.unlink()
    assert "holds no trials.jsonl" in complaint(run)
    run.log.mkdir()
    assert "trials.jsonl is damaged or foreign: Is a directory" in complaint(run)


@pytest.mark.parametrize("content", [b"SQLite format 3\0\n", b"no trials at all\n" * 500, b"\xff\n"])
def test_trials_that_are_none(run: RunFolder, content: bytes) -> None:
    run.log.write_bytes(content)
    assert "trials.jsonl is damaged or foreign: line 1 is no JSON" in complaint(run)


def tampered(run: RunFolder, **fields: object) -> None:
    """Puts a record with other fields into the first trial."""
    first, *rest = run.log.read_text().splitlines()
    run.log.write_text("\n".join([json.dumps({**json.loads(first), **fields}), *rest]) + "\n")


def test_a_record_rewritten_without_harm_is_read(run: RunFolder) -> None:
    tampered(run, accuracy=0.25, note="mine", sampling="no use to a reader")
    assert [trial.accuracy for trial in read_trials(run)] == [0.25, 0.75]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("accuracy", "high"),
        ("accuracy", [0.5]),
        ("flops", -1),
        ("flops", 1.5),
        ("flops", "7"),
        ("params", True),
        ("epochs", -3),
        ("seconds", float("inf")),
        ("reason", {"a": 1}),
        ("duplicate_of", "me"),
        ("outcome", "eaten"),
        ("architecture", 7),
        ("architecture", {"stages": []}),
        ("architecture", {"stages": [{"operator": {"kind": "import_os"}}]}),
        ("full_size", {"stages": [{}], "stem": {"kind": "attention", "num_heads": 7}}),
    ],
)
def test_a_hostile_record_names_its_trial_and_field(run: RunFolder, field: str, value: object) -> None:
    tampered(run, **{field: value})
    assert f"trials.jsonl is damaged or foreign: trial 0: {field}" in complaint(run)


@pytest.mark.parametrize("name", ["study.journal", "study.db"])
def test_no_other_form_of_the_trials_is_opened(run: RunFolder, name: str) -> None:
    before = read_trials(run)
    (run.path / name).write_bytes(b"anything")
    assert read_trials(run) == before
    (run.path / name).unlink()
    (run.path / name).symlink_to("/dev/zero")
    assert read_trials(run) == before
