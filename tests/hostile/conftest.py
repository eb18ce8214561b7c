"""Folders as somebody sends them, and what must hold of every command that is pointed at one."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sasa_nas.cli.app import main
from sasa_nas.exporting.weights import save_weights
from sasa_nas.models import build
from sasa_nas.run import Arm, RunFolder
from sasa_nas.training.seeding import seeded

SECONDS = 5.0
"""Of processor time of a command, imports left out; far more than any takes for a small folder."""


@pytest.fixture
def run(make_run, make_record) -> Path:
    """A run of six trained trials, two of them in balance; the first has its weights."""
    records = [
        make_record(number, 0.5 + 0.05 * number, 1000 * (number + 1), pattern="CL" if number % 2 else "LC").model_copy(
            update={"arm": Arm.BALANCED if number > 3 else Arm.SEARCH, "choices": {"stages[0].operator": "conv"}}
        )
        for number in range(6)
    ]
    records[0] = records[0].model_copy(update={"full_size": records[0].architecture, "rungs": {1: 0.4}})
    path = make_run(records)
    with seeded(0):
        save_weights(RunFolder(path).trial(0).weights, build(records[0].architecture).state_dict())
    return path


@pytest.fixture
def formula(run: Path) -> None:
    """The run goes on by a formula, in no time."""
    info = json.loads((run / "run.json").read_text())
    info["space"]["proxy"] |= {"dataset": "synthetic:additive"}
    info["settings"] |= {"trials": 8}
    (run / "run.json").write_text(json.dumps(info))


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A file of the victim's, which nothing may read or change."""
    folder = tmp_path / "victim"
    folder.mkdir()
    secret = folder / "secret"
    secret.write_text("TOP-SECRET\n")
    before = secret.stat()
    yield secret
    assert [file.name for file in folder.iterdir()] == ["secret"]
    assert secret.read_text() == "TOP-SECRET\n"
    assert secret.stat().st_mtime_ns == before.st_mtime_ns


@pytest.fixture
def ends(capsys: pytest.CaptureFixture[str]) -> Callable[..., int]:
    """Runs a command, which must end well: status 0, or 2 after one line, soon, with nothing printed that commands."""

    def run_command(*arguments: object) -> int:
        words = [str(argument) for argument in arguments]
        start = time.thread_time()
        status = main(words)
        spent = time.thread_time() - start
        out, err = capsys.readouterr()
        shown = f"{' '.join(words)}: status {status}, {spent:.1f} s\n{err[:500]}"
        assert status in (0, 2), shown
        assert spent < SECONDS, shown
        for text in (out, err):
            strange = {sign for sign in text if not sign.isprintable() and sign != "\n"}
            assert not strange, f"{shown}\n{strange}"
            assert "--json" in words or len(text) < 100_000, f"{shown}: {len(text)} characters"
            assert "TOP-SECRET" not in text
        if status == 2:
            lines = err.splitlines()
            assert lines[-1].startswith("sasa-nas: "), shown
            assert len(lines) == 1, shown
            assert len(lines[0]) < 2100, shown
        return status

    return run_command
