"""Trials that no search wrote, in this version's form and in earlier ones': they reach nothing, and come to an end."""

import json
import os
import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from hostile_commands import writing_commands

from sasa_nas.run import RunError, RunFolder, read_trials, study_guard
from sasa_nas.run.optuna_trials import attributes
from sasa_nas.run.records import STUDY_NAME

Ends = Callable[..., int]

BOMB = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS trial_id, i AS number FROM n"


@pytest.fixture
def old(run: Path) -> Path:
    """The run as an earlier version left it."""
    folder = RunFolder(run)
    records = read_trials(folder)
    folder.log.unlink()
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder.old_study}")
    study = optuna.create_study(study_name=STUDY_NAME, storage=storage, directions=["maximize", "minimize"])
    for record in records:
        values = [record.accuracy, float(record.flops or 0)]
        study.add_trial(optuna.trial.create_trial(values=values, user_attrs=attributes(record)))
    storage.engine.dispose()
    return run


def change(old: Path, *statements: str) -> None:
    connection = sqlite3.connect(old / "study.db")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def tables_with(clause: str) -> tuple[str, ...]:
    """Statements that give the table of trials another column."""
    return (
        "ALTER TABLE trials RENAME TO old",
        f"CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, number, study_id, state, datetime_start, "
        f"datetime_complete, {clause})",
        "INSERT INTO trials (trial_id, number, study_id, state) SELECT trial_id, number, study_id, state FROM old",
        "DROP TABLE old",
    )


CODE: dict[str, tuple[str, ...]] = {
    "a trigger": ("CREATE TRIGGER evil AFTER INSERT ON trials BEGIN DELETE FROM trials; END",),
    "a view": ("ALTER TABLE trial_params RENAME TO p", "CREATE VIEW trial_params AS SELECT * FROM p"),
    "a view without end": ("DROP TABLE trial_params", f"CREATE VIEW trial_params AS {BOMB}"),
    "a virtual table": ("CREATE VIRTUAL TABLE evil USING fts5(x)",),
}
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "a function in a constraint": tables_with("CHECK (length(hex(randomblob(9))) > 1)"),
    "a function in an index": ("CREATE INDEX evil ON trials (hex(number))",),
    "a function in a part of an index": (f"CREATE INDEX evil ON trials (state) WHERE state LIKE '{'%a' * 20}'",),
    "a function in a column": tables_with("extra GENERATED ALWAYS AS (hex(zeroblob(7000000))) VIRTUAL"),
}


@pytest.mark.parametrize("name", CODE)
def test_code_in_an_old_study_is_refused(old: Path, ends: Ends, name: str) -> None:
    change(old, *CODE[name])
    for command in (["pareto", old], ["where", old], ["report", old], *writing_commands(old)):
        assert ends(*command) == 2


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_in_an_old_study_are_not_called(old: Path, ends: Ends, name: str) -> None:
    change(old, *FUNCTIONS[name])
    ends("pareto", old)


@pytest.mark.parametrize("name", [*CODE, *FUNCTIONS])
def test_an_old_study_beside_the_trials_is_not_opened(old: Path, ends: Ends, formula: None, name: str) -> None:
    assert ends("resume", old) == 0
    trials = read_trials(RunFolder(old))
    change(old, *CODE.get(name, ()), *FUNCTIONS.get(name, ()))
    before = (old / "study.db").read_bytes()
    assert ends("pareto", old) == ends("resume", old) == 0
    assert read_trials(RunFolder(old)) == trials
    assert (old / "study.db").read_bytes() == before


def test_reading_an_old_study_changes_nothing_and_a_resume_takes_it_over(old: Path, ends: Ends, formula: None) -> None:
    def state() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in old.iterdir() if path.is_file()}

    before, trials = state(), read_trials(RunFolder(old))
    assert ends("pareto", old) == 0
    assert state() == before
    assert ends("resume", old) == 0
    assert state()["study.db"] == before["study.db"]
    again = read_trials(RunFolder(old))
    assert again[: len(trials)] == trials
    assert sum(record.outcome.spent for record in again) == 8


@pytest.mark.parametrize("name", ["study.db", "study.db-journal", "study.db-wal"])
def test_links_in_the_place_of_an_old_study_are_not_followed(old: Path, outside: Path, ends: Ends, name: str) -> None:
    (old / name).unlink(missing_ok=True)
    (old / name).symlink_to(outside)
    for command in (["pareto", old], *writing_commands(old)):
        assert ends(*command) == 2


def test_a_journal_that_names_another_file_removes_none(old: Path, outside: Path, ends: Ends) -> None:
    """SQLite reads, and then removes, the file that a hot journal names as belonging to several databases."""
    database = old / "study.db"
    size = len(database.read_bytes())
    page = database.read_bytes()[:4096]
    name = str(outside).encode()
    header = bytes.fromhex("d9d505f920a163d7") + struct.pack(">5I", 1, 7, size // 4096, 512, 4096)
    checksum = (7 + sum(page[i] for i in range(4096 - 200, 0, -200))) & 0xFFFFFFFF
    record = struct.pack(">I", 1) + page + struct.pack(">I", checksum)
    lock_page = struct.pack(">I", 0x40000000 // 4096 + 1)
    end = struct.pack(">2I", len(name), sum(name) & 0xFFFFFFFF) + bytes.fromhex("d9d505f920a163d7")
    (old / "study.db-journal").write_bytes(header.ljust(512, b"\0") + record + lock_page + name + end)
    for command in (["pareto", str(old)], *writing_commands(old)):
        assert ends(*command) == 2


@pytest.mark.parametrize("content", [b"", b"\0" * 100_000, b"7\x7f\x06\x82" + b"\xff" * 70_000, b"WAL" * 9_999])
def test_a_foreign_log_is_right_or_one_line(old: Path, ends: Ends, content: bytes) -> None:
    (old / "study.db-wal").write_bytes(content)
    assert ends("pareto", old) in (0, 2)


def test_pages_that_lead_to_themselves_come_to_an_end(old: Path, ends: Ends) -> None:
    """Every page in turn becomes an inner page whose children are all itself, which is a tree without end."""
    whole = (old / "study.db").read_bytes()
    for number in range(2, len(whole) // 4096 + 1, 3):
        cell = struct.pack(">I", number) + b"\x01"
        cells = 60
        header = b"\x05" + struct.pack(">HHHB", 0, cells, 4096 - 5 * cells, 0) + struct.pack(">I", number)
        places = b"".join(struct.pack(">H", 4096 - 5 * (i + 1)) for i in range(cells))
        page = (header + places).ljust(4096 - 5 * cells, b"\0") + cell * cells
        (old / "study.db").write_bytes(whole[: 4096 * (number - 1)] + page + whole[4096 * number :])
        ends("pareto", old)


def test_pages_of_chance_are_right_or_one_line(old: Path, ends: Ends) -> None:
    whole = bytearray((old / "study.db").read_bytes())
    for seed in range(40):
        broken = bytearray(whole)
        for k in range(8):
            place = zlib.crc32(f"{seed} {k}".encode())
            broken[place % len(broken)] = place >> 24
        (old / "study.db").write_bytes(broken)
        ends("pareto", old)


def test_one_value_of_many_megabytes_is_refused(old: Path, ends: Ends) -> None:
    change(old, "UPDATE trial_user_attributes SET value_json = '\"' || hex(zeroblob(10000000)) || '\"'")
    assert ends("pareto", old) == 2


def test_a_study_larger_than_any_is_not_opened(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_guard, "LARGEST_STUDY", 1000)
    with pytest.raises(RunError, match="more than 1,000 bytes"):
        read_trials(RunFolder(old))


def with_lines(run: Path, *lines: bytes) -> None:
    """Append lines to a run's trials."""
    with (run / "trials.jsonl").open("ab") as file:
        file.write(b"".join(line + b"\n" for line in lines))


def test_numbers_of_any_length_in_a_record(run: Path, ends: Ends) -> None:
    whole = (run / "trials.jsonl").read_bytes()
    first = json.loads(whole.split(b"\n")[0])
    for field in ("flops", "params", "epochs", "seconds", "seed"):
        for digits in (25, 4_000, 1_000_000):
            (run / "trials.jsonl").write_bytes(whole)
            broken = json.dumps({**first, field: 0}).replace(f'"{field}": 0', f'"{field}": {"9" * digits}')
            with_lines(run, broken.encode())
            assert ends("pareto", run) == 2


SAMPLINGS = (
    7,
    {"options": {"a": [1]}},
    {"options": {"a": []}},
    {"options": {"a": {"low": 9, "high": 1, "step": 0}}},
    {"options": {"a": {"low": float("nan"), "high": float("inf"), "step": -1}}},
    {"constraints": {"a": float("nan")}, "begun": "0001-01-01T00:00:00+14:00"},
    {"attributes": {"fixed_params": 7, "constraints": "x", "NSGAIISampler:generation": "x"}},
    {"attributes": {"a": json.loads("[" * 400 + "]" * 400)}},
    {"begun": 1e300, "ended": "9999-12-31T23:59:59-23:59"},
)


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=range(len(SAMPLINGS)))
@pytest.mark.parametrize("outcome", ["running", "trained", "waiting", "stopped"])
def test_strange_samplings_are_right_or_one_line(
    run: Path, ends: Ends, formula: None, sampling: object, outcome: str
) -> None:
    first = json.loads((run / "trials.jsonl").read_text().splitlines()[0])
    with_lines(run, json.dumps({**first, "outcome": outcome, "sampling": sampling}).encode())
    assert ends("pareto", run) == 0
    ends("resume", run)


def test_trials_of_chance_are_right_or_one_line(run: Path, ends: Ends) -> None:
    whole = (run / "trials.jsonl").read_bytes()
    for seed in range(40):
        broken = bytearray(whole)
        for k in range(8):
            place = zlib.crc32(f"{seed} {k}".encode())
            broken[place % len(broken)] = place >> 24
        (run / "trials.jsonl").write_bytes(broken)
        ends("pareto", run)


def test_trials_without_an_end_are_not_read(run: Path, ends: Ends) -> None:
    os.truncate(run / "trials.jsonl", 2**40)
    assert ends("pareto", run) == 2
