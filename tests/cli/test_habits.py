"""The command line as people call it: with pipes, odd surroundings, and folders that are moved."""

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sasa_nas import Run, SearchSettings, load_space, resume, search
from sasa_nas.cli.app import main
from sasa_nas.run import RunFolder, TrialRecord

PROGRAM = shlex.join([sys.executable, "-c", "import sys; from sasa_nas.cli.app import main; sys.exit(main())"])


@pytest.fixture
def run(make_run: Callable[..., Path], make_record: Callable[..., TrialRecord]) -> Path:
    return make_run([make_record(0, 0.5, 1000), make_record(1, 0.7, 2000)])


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell in which `sasa-nas` is this program."""
    command = f'sasa-nas() {{ {PROGRAM} "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False, env=os.environ | environment
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "status", "stderr"),
    [
        ("sasa-nas pareto {run} | head -1", 0, ""),
        ("sasa-nas pareto {run} --json | head -c 1", 0, ""),
        ("sasa-nas list operators | true", 0, ""),
        ("sasa-nas pareto {run} >&-", 0, ""),
        ("sasa-nas pareto {run} 2>&- <&-", 0, ""),
        (
            "sasa-nas pareto {run} > /dev/full",
            2,
            "sasa-nas: the output cannot be written: no space is left; make room, and give the command again\n",
        ),
        ("sasa-nas pareto {run}/nowhere 2> /dev/full", 2, ""),
        ("cd / && sasa-nas pareto {run}", 0, ""),
    ],
)
def test_streams_may_be_pipes_full_or_closed(run: Path, line: str, status: int, stderr: str) -> None:
    done = shell(line.format(run=shlex.quote(str(run))))
    assert (done.returncode, done.stderr) == (status, stderr)


@pytest.mark.slow
def test_the_environment_changes_no_word(run: Path) -> None:
    line = f"sasa-nas pareto {shlex.quote(str(run))} --json; sasa-nas pareto {shlex.quote(str(run))}"
    plain = shell(line)
    assert json.loads(plain.stdout[: plain.stdout.rindex("}") + 1])
    odd = {
        "TERM": "dumb",
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "RAY_ADDRESS": "10.0.0.1:6379",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONHASHSEED": "7",
        "OMP_NUM_THREADS": "0",
        "PYTHONIOENCODING": "ascii",
    }
    assert shell(line, **odd).stdout == plain.stdout
    assert shell(f"unset HOME; {line}").stdout == plain.stdout


@pytest.mark.parametrize(
    "name", ["a b", "a'b", 'a"b', "a?b#c%20d", "a%b", "a\\b", "ä€", "$HOME", "*", "file:x", "~", "[x]"]
)
def test_a_run_may_have_any_name(
    name: str,
    make_run: Callable[..., Path],
    make_record: Callable[..., TrialRecord],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = make_run([make_record(0, 0.5, 1000)]).rename(tmp_path / name)
    monkeypatch.chdir(path.parent)
    for command in ("pareto", "where"):
        assert main([command, f"./{name}", "--json"]) == 0
    assert main(["report", f"./{name}"]) == 0
    assert (path / "report.html").is_file()
    assert sorted(file.name for file in path.parent.iterdir()) == [name]


def _records(run: Run) -> list[TrialRecord]:
    """The trials as the session that ended last knew them: the folder may have moved since."""
    assert run.session is not None
    return run.session.records


def test_a_run_is_gone_on_with_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SearchSettings(trials=3)
    space = load_space("tiny").model_copy(deep=True)
    space = space.model_copy(update={"proxy": space.proxy.model_copy(update={"dataset": "synthetic:additive"})})
    first = search(space, settings, out=tmp_path / "run")
    # moved
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "renamed"
    (tmp_path / "run").rename(moved)
    monkeypatch.chdir(moved.parent)
    second = resume(Path("renamed"), trials=4)
    assert _records(second)[: len(_records(first))] == _records(first)
    # on a link, from another folder
    link = tmp_path / "link"
    link.symlink_to(moved)
    monkeypatch.chdir("/")
    third = resume(link, trials=5)
    assert _records(third)[: len(_records(second))] == _records(second)
    # copied, while the clock says that it is of tomorrow
    copy = tmp_path / "copy"
    shutil.copytree(moved, copy)
    for file in [copy, *copy.rglob("*")]:
        os.utime(file, (4e9, 4e9))
    assert _records(resume(copy, trials=6))[: len(_records(third))] == _records(third)
    # in a thread, and inside of a running event loop as in a notebook
    answers = []
    thread = threading.Thread(target=lambda: answers.append(resume(copy, trials=7)))
    thread.start()
    thread.join()

    async def notebook() -> None:
        answers.append(resume(copy, trials=8))

    asyncio.run(notebook())
    assert [sum(record.outcome.spent for record in _records(answer)) for answer in answers] == [7, 8]
    assert RunFolder(copy).info.is_file()
