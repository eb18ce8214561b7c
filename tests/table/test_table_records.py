"""Tables as files: they come back, and damaged ones are one line."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from small_table import table

from sasa_nas.errors import UserError
from sasa_nas.table import load_table
from sasa_nas.table.records import save_table


def test_a_table_comes_back_from_its_file(tmp_path: Path) -> None:
    save_table(table(), tmp_path / "a.json.gz")
    save_table(table(), tmp_path / "b.json.gz")
    assert load_table(tmp_path / "a.json.gz") == table()
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"accuracy": ((0.1, 0.2),)}, "accuracy is not 2 seeds of 2 epochs"),
        ({"train_loss": ((0.1, 0.2), (0.1,))}, "train_loss is not 2 seeds"),
        ({"validation_loss": ((0.1, 0.2), (0.1,))}, "validation_loss is not 2 seeds"),
        ({"seconds": (1.0,)}, "accuracy is not 1 seeds"),
        ({"seconds": ()}, "seconds is not of 1 to 2 seeds"),
        ({"seconds": (1.0, 2.0, 3.0)}, "seconds is not of 1 to 2 seeds"),
        ({"latency": 0.0}, "greater than 0"),
        ({"accuracy": ((0.1, 1.2), (0.3, 0.4))}, "less than or equal to 1"),
    ],
)
def test_an_incomplete_table_is_none(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        table(**change)


def test_a_network_may_have_fewer_trainings_than_the_table_has_seeds() -> None:
    one = {"accuracy": ((0.1, 0.2),), "train_loss": ((2.0, 1.0),), "validation_loss": ((2.0, 1.0),), "seconds": (1.0,)}
    assert table(**one).rows[0].accuracy == ((0.1, 0.2),)


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "json", "foreign"])
def test_what_is_no_table_is_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "t.json.gz"
    save_table(table(), path)
    whole = path.read_bytes()
    contents = {
        "text": b"hello",
        "cut": whole[: len(whole) // 2],
        "json": gzip.compress(b"{"),
        "foreign": gzip.compress(json.dumps({"format": 2}).encode()),
    }
    path.unlink()
    if damage in contents:
        path.write_bytes(contents[damage])
    with pytest.raises(UserError, match=r"t\.json\.gz") as caught:
        load_table(path)
    assert "\n" not in str(caught.value)
