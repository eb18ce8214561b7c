"""A run with operators of one's own: read without their code, gone on with only by the very same code."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from failing import fails

from sasa_nas.cli.app import main
from sasa_nas.operators import OPERATORS
from sasa_nas.operators.plugins import loaded_operators, unload_operators
from sasa_nas.run import RunFolder, read_trials

EXAMPLES = Path(__file__).parents[2] / "examples"
KIND = "dilated_attention"
BUILT_IN = OPERATORS.kinds


def forget() -> None:
    """As in a new process."""
    for file in loaded_operators():
        unload_operators(file.name)
    for kind in OPERATORS.kinds:
        if kind not in BUILT_IN:
            OPERATORS.remove(kind)


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    forget()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the example, with its space beside it."""
    for name in ("own_operator.py", "own_operator.yaml"):
        shutil.copy(EXAMPLES / name, tmp_path / name)
    return tmp_path / "own_operator.py"


@pytest.fixture
def run(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A run of the example's space, answered by a formula; nothing of its operator is left in the process."""
    path = tmp_path / "run"
    space = str(own.with_suffix(".yaml"))
    command = ["search", "--space", space, "--dataset", "synthetic:null", "--trials", "24", "--balanced", "1"]
    assert main([*command, "--out", str(path)]) == 0
    capsys.readouterr()
    forget()
    return path


def test_reading_a_run_executes_nothing_of_it(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mark = tmp_path / "executed"
    for file in (run / "operators" / "own_operator.py", tmp_path / "own_operator.py"):
        assert "register_operator" in file.read_text(encoding="utf-8")
        file.write_text(f"open({str(mark)!r}, 'w')\n", encoding="utf-8")
    for command in (["pareto"], ["pareto", "--json"], ["where"], ["report"]):
        forget()
        assert main([command[0], str(run), *command[1:]]) == 0, command
    shown = capsys.readouterr().out
    assert "dilat3" in shown
    assert "dilated_attention" in (run / "report.html").read_text(encoding="utf-8")
    assert not mark.exists()


def test_going_on_needs_the_same_code(run: Path, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = "was searched with operators of own_operator.py; if you trust that file, add --operators own_operator.py"
    assert wanted in fails(capsys, "resume", run, "--trials", 26)
    forget()
    records = read_trials(RunFolder(run))
    trial = next(r.number for r in records if r.architecture and r.architecture.stages[0].operator.kind == KIND)
    line = fails(capsys, "export", run, "--trial", trial, "--size", "target", "--out", run / "x")
    assert "give its code too: --operators FILE" in line
    forget()
    original = own.read_text(encoding="utf-8")
    own.write_text(original + "\n# changed\n", encoding="utf-8")
    changed = fails(capsys, "resume", run, "--trials", 26, "--operators", own)
    assert "has changed since" in changed
    assert f"{run}/operators/own_operator.py" in changed
    forget()
    assert main(["resume", str(run), "--trials", "26", "--operators", str(run / "operators" / "own_operator.py")]) == 0


def test_the_environment_names_files_too(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SASA_NAS_OPERATORS", str(own))
    assert main(["list", "operators"]) == 0
    assert "dilated_attention" in capsys.readouterr().out


def test_a_file_that_cannot_be_loaded_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read as a file of operators" in fails(capsys, "doctor", "--operators", tmp_path / "none.py")
    empty = tmp_path / "empty.py"
    empty.write_text("", encoding="utf-8")
    assert "registers no operator" in fails(capsys, "list", "operators", "--operators", empty)


def test_an_unknown_kind_says_what_is_missing(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "plain.yaml"
    text = own.with_suffix(".yaml").read_text(encoding="utf-8").replace("operators: [own_operator.py]\n", "")
    space.write_text(text, encoding="utf-8")
    line = fails(capsys, "search", "--space", space, "--dry-run", 2)
    assert line.count("unknown kind 'dilated_attention'") == 1
    assert "needs --operators FILE" in line
    assert main(["search", "--space", str(space), "--dry-run", "2", "--operators", str(own)]) == 0
