"""A verification as a process of its own: what it may do, what it may take, and how it ends."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from export_cases import architecture, trained_like

from sasa_nas.cli.app import main
from sasa_nas.errors import UserError
from sasa_nas.exporting import verifying
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.confinement import landlock_version
from sasa_nas.exporting.folder import export_network
from sasa_nas.exporting.verification import verify_here
from sasa_nas.exporting.verifying import verify_export
from sasa_nas.operators.plugins import load_operators, unload_operators
from sasa_nas.space import Architecture

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_operator.py"

HOSTILE = """
import os
import sys
from pathlib import Path


def load():
    outside = Path({outside!r})
    for write in (
        lambda: (outside / "precious").write_text("gone"),
        lambda: (outside / "new").mkdir(),
        lambda: os.execvp("sh", ["sh", "-c", f"echo gone > {{outside}}/precious"]) if os.fork() == 0 else os.wait(),
    ):
        try:
            write()
        except OSError:
            pass
    print("\\33[2J" + "x" * 100_000, file=sys.stderr)
    raise MemoryError("\\33[31m\\u202e" + str(len(bytearray(1 << 50))))
"""


def exported(described: Architecture, folder: Path) -> Path:
    return export_network(described, trained_like(described).state_dict(), folder, ModelCard("net"))


@pytest.mark.slow
def test_what_is_run_by_consent_writes_nowhere_and_ends_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    folder = exported(architecture(), tmp_path / "net\x1b[31m\u202e")
    (folder / "model.py").write_text(HOSTILE.format(outside=str(outside)))
    # what lies in the working directory is not imported
    for name in ("torch.py", "json.py", "numpy.py"):
        (folder / name).write_text("raise SystemExit('imported')")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert main(["verify-export", str(folder), "--trust"]) == 2
    line = capsys.readouterr().err
    assert line.startswith("sasa-nas: model.py does not run: MemoryError")
    assert line.count("\n") == 1
    assert line.rstrip("\n").isprintable()
    assert len(line) < 1000
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    if landlock_version():
        assert (outside / "precious").read_text() == "precious"
        assert [file.name for file in outside.iterdir()] == ["precious"]


def test_a_verification_has_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = exported(architecture(), tmp_path / "net")
    monkeypatch.setattr(verifying, "SECONDS", 0.2)
    with pytest.raises(UserError, match=r"the verification has not ended after 0\.2 seconds"):
        verify_export(folder)


@pytest.mark.slow
def test_a_network_for_more_memory_than_there_is_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = exported(architecture(), tmp_path / "net")
    file = folder / "architecture.json"
    tree = json.loads(file.read_text())
    file.write_text(json.dumps({**tree, "image": {"channels": 3, "height": 60_000, "width": 60_000}}))
    assert main(["verify-export", str(folder)]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "memory" in line


@pytest.fixture
def own_operator() -> Iterator[str]:
    name = load_operators(EXAMPLE).name
    yield "dilated_attention"
    unload_operators(name)


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_export_with_an_operator_of_ones_own_is_verified_by_its_code(own_operator: str, tmp_path: Path) -> None:
    tree = architecture().model_dump()
    tree["stages"][0]["operator"] = {"kind": own_operator, "kernel_size": 3, "num_heads": 2}
    folder = exported(Architecture.model_validate(tree), tmp_path / "net")
    report = verify_export(folder)
    assert report.ok
    file = folder / "model.py"
    file.write_text(file.read_text().replace("dilation", "dilation ", 1))
    with pytest.raises(UserError, match=r"model\.py is not what this version of sasa-nas writes .* --trust"):
        verify_here(folder)
