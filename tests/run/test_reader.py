"""Reading a run: nothing is written, nothing is run, and whatever is damaged is one line."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest

from sasa_nas.run import Outcome, RunError, RunFolder, TrialRecord, read_info, read_trials
from sasa_nas.run.attributes import attributes
from sasa_nas.run.study_file import read_only_storage


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


def change(folder: RunFolder, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(folder.study)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


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


def test_the_database_is_opened_for_reading_alone(run: RunFolder) -> None:
    storage = read_only_storage(run.study)
    with pytest.raises(optuna.exceptions.StorageInternalError) as caught:
        storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], "another")
    assert "readonly" in str(caught.value.__cause__)
    storage.engine.dispose()


def test_a_run_in_a_read_only_folder_is_read(run: RunFolder) -> None:
    run.study.chmod(0o444)
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
    storage = optuna.storages.RDBStorage(f"sqlite:///{run.study}")
    study = optuna.load_study(study_name="sasa-nas", storage=storage)
    study.ask()
    last = read_trials(run)[-1]
    assert (last.number, last.outcome) == (2, Outcome.RUNNING)
    storage.engine.dispose()


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


def test_a_run_without_a_study(run: RunFolder) -> None:
    run.study.unlink()
    assert "holds no study.db" in complaint(run)
    run.study.mkdir()
    assert "holds no study.db" in complaint(run)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "no such table"), (b"no database at all" * 500, "file is not a database"), (b"SQLite format 3\0", "")],
)
def test_a_study_that_is_no_database(run: RunFolder, content: bytes, words: str) -> None:
    run.study.write_bytes(content)
    message = complaint(run)
    assert "study.db is damaged or foreign: " in message
    assert words in message


@pytest.mark.parametrize("keep", [0.05, 0.3, 0.6])
def test_a_truncated_study(run: RunFolder, keep: float) -> None:
    whole = run.study.read_bytes()
    run.study.write_bytes(whole[: int(len(whole) * keep)])
    assert "study.db is damaged or foreign: " in complaint(run)


def test_a_study_of_another_program(run: RunFolder) -> None:
    change(run, "UPDATE studies SET study_name = 'theirs'")
    assert "study.db is damaged or foreign: " in complaint(run)
    run.study.unlink()
    change(run, "CREATE TABLE theirs (x)")
    assert "no such table" in complaint(run)


def tampered(run: RunFolder, **fields: object) -> None:
    """Puts a record with other fields into the first trial."""
    ((name, data),) = attributes(TrialRecord(number=0, outcome=Outcome.TRAINED, accuracy=0.5, flops=7)).items()
    text = json.dumps({**data, **fields})
    change(run, "UPDATE trial_user_attributes SET key = ?, value_json = ? WHERE trial_id = 1", name, text)


def test_a_record_rewritten_without_harm_is_read(run: RunFolder) -> None:
    tampered(run, accuracy=0.25)
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
    assert f"study.db is damaged or foreign: trial 0: {field}" in complaint(run)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trial_user_attributes SET value_json = '{'",
        "UPDATE trial_user_attributes SET value_json = NULL",
        "UPDATE trial_user_attributes SET value_json = '[1]'",
        "UPDATE trial_user_attributes SET value_json = '\"text\"'",
        "UPDATE trial_user_attributes SET value_json = x'80ff'",
        "UPDATE trials SET state = 'EATEN'",
        "UPDATE trials SET number = 'abc'",
        "UPDATE trials SET number = NULL",
        "UPDATE trials SET number = -1",
        "UPDATE alembic_version SET version_num = 'v99'",
        "DROP TABLE trials",
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (1, 'a', 0, '[]')",
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (1, 'a', 9, "
        '\'{"name": "CategoricalDistribution", "attributes": {"choices": [1, 2]}}\')',
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (1, 'a', 0, "
        '\'{"name": "os.system", "attributes": {}}\')',
    ],
)
def test_a_study_of_impossible_rows(run: RunFolder, statement: str) -> None:
    change(run, statement)
    assert "study.db is damaged or foreign: " in complaint(run)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trials SET datetime_start = 'yesterday'",
        "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (1, 7, 3.0, 'FINITE')",
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (1, 'note', '{')",
    ],
)
def test_what_no_record_needs_is_not_looked_at(run: RunFolder, statement: str) -> None:
    before = read_trials(run)
    change(run, statement)
    assert read_trials(run) == before


def test_deeply_nested_attributes(run: RunFolder) -> None:
    change(run, "UPDATE trial_user_attributes SET value_json = ?", "[" * 50_000 + "]" * 50_000)
    assert "study.db is damaged or foreign: " in complaint(run)
