"""A study.db that no search wrote: it executes nothing, reaches nothing else, and comes to an end."""

import contextlib
import json
import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from hostile_commands import writing_commands

from sasa_nas.errors import UserError
from sasa_nas.run import RunError, RunFolder, read_trials, study_guard
from sasa_nas.run.records import STUDY_NAME
from sasa_nas.run.study_file import writing

Ends = Callable[..., int]

BOMB = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS trial_id, i AS number FROM n"


def change(run: Path, *statements: str) -> None:
    connection = sqlite3.connect(run / "study.db")
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
def test_code_in_a_study_is_refused(run: Path, ends: Ends, name: str) -> None:
    change(run, *CODE[name])
    for command in (["pareto", run], ["where", run], ["report", run], *writing_commands(run)):
        assert ends(*command) == 2


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_in_a_study_are_not_called(run: Path, ends: Ends, name: str) -> None:
    change(run, *FUNCTIONS[name])
    ends("pareto", run)
    with contextlib.suppress(UserError), writing(RunFolder(run)) as storage:
        optuna.load_study(study_name=STUDY_NAME, storage=storage).add_trial(optuna.create_trial(values=[0.5, 2.0]))


def test_a_journal_that_names_another_file_removes_none(run: Path, outside: Path, ends: Ends) -> None:
    """SQLite reads, and then removes, the file that a hot journal names as belonging to several databases."""
    database = run / "study.db"
    size = len(database.read_bytes())
    page = database.read_bytes()[:4096]
    name = str(outside).encode()
    header = bytes.fromhex("d9d505f920a163d7") + struct.pack(">5I", 1, 7, size // 4096, 512, 4096)
    checksum = (7 + sum(page[i] for i in range(4096 - 200, 0, -200))) & 0xFFFFFFFF
    record = struct.pack(">I", 1) + page + struct.pack(">I", checksum)
    lock_page = struct.pack(">I", 0x40000000 // 4096 + 1)
    end = struct.pack(">2I", len(name), sum(name) & 0xFFFFFFFF) + bytes.fromhex("d9d505f920a163d7")
    (run / "study.db-journal").write_bytes(header.ljust(512, b"\0") + record + lock_page + name + end)
    for command in (["pareto", str(run)], *writing_commands(run)):
        assert ends(*command) == 2


def test_what_a_killed_search_left_beside_a_study_is_taken_in(run: Path) -> None:
    writer = sqlite3.connect(run / "study.db", isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("UPDATE trials SET number = 77 WHERE trial_id = 6")
    copies = {name: (run / name).read_bytes() for name in ("study.db", "study.db-wal")}
    writer.close()
    for name, content in copies.items():
        (run / name).write_bytes(content)
    assert read_trials(RunFolder(run))[-1].number == 77
    with writing(RunFolder(run)):
        pass
    assert not (run / "study.db-wal").exists()


@pytest.mark.parametrize("content", [b"", b"\0" * 100_000, b"7\x7f\x06\x82" + b"\xff" * 70_000, b"WAL" * 9_999])
def test_a_foreign_log_is_right_or_one_line(run: Path, ends: Ends, content: bytes) -> None:
    (run / "study.db-wal").write_bytes(content)
    assert ends("pareto", run) in (0, 2)


def test_pages_that_lead_to_themselves_come_to_an_end(run: Path, ends: Ends) -> None:
    """Every page in turn becomes an inner page whose children are all itself, which is a tree without end."""
    whole = (run / "study.db").read_bytes()
    for number in range(2, len(whole) // 4096 + 1, 3):
        cell = struct.pack(">I", number) + b"\x01"
        cells = 60
        header = b"\x05" + struct.pack(">HHHB", 0, cells, 4096 - 5 * cells, 0) + struct.pack(">I", number)
        places = b"".join(struct.pack(">H", 4096 - 5 * (i + 1)) for i in range(cells))
        page = (header + places).ljust(4096 - 5 * cells, b"\0") + cell * cells
        (run / "study.db").write_bytes(whole[: 4096 * (number - 1)] + page + whole[4096 * number :])
        ends("pareto", run)


def test_pages_of_chance_are_right_or_one_line(run: Path, ends: Ends) -> None:
    whole = bytearray((run / "study.db").read_bytes())
    for seed in range(40):
        broken = bytearray(whole)
        for k in range(8):
            place = zlib.crc32(f"{seed} {k}".encode())
            broken[place % len(broken)] = place >> 24
        (run / "study.db").write_bytes(broken)
        ends("pareto", run)


def test_one_value_of_many_megabytes_is_refused(run: Path, ends: Ends) -> None:
    change(run, "UPDATE trial_user_attributes SET value_json = '\"' || hex(zeroblob(10000000)) || '\"'")
    assert ends("pareto", run) == 2


def test_a_study_larger_than_any_is_not_opened(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_guard, "LARGEST_STUDY", 1000)
    with pytest.raises(RunError, match="more than 1,000 bytes"):
        read_trials(RunFolder(run))


def test_numbers_of_any_length_in_a_record(run: Path, ends: Ends) -> None:
    connection = sqlite3.connect(run / "study.db")
    (text,) = connection.execute("SELECT value_json FROM trial_user_attributes WHERE trial_id = 1").fetchone()
    for field in ("flops", "params", "epochs", "seconds", "seed"):
        for digits in (25, 4_000, 1_000_000):
            broken = json.dumps({**json.loads(text), field: 0}).replace(f'"{field}": 0', f'"{field}": {"9" * digits}')
            connection.execute("UPDATE trial_user_attributes SET value_json = ? WHERE trial_id = 1", (broken,))
            connection.commit()
            assert ends("pareto", run) == 2
    connection.close()
