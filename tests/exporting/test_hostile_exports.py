"""An export from a stranger: each file of it attacked, in a process where nothing may run."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from export_cases import architecture, trained_like
from safetensors.torch import load_file, save_file

from sasa_nas.errors import UserError
from sasa_nas.exporting import verification
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.folder import export_network
from sasa_nas.exporting.verification import verify_here

FILES = ("architecture.json", "config.json", "model.safetensors", "model.py", "__init__.py", "model.pt2", "model.onnx")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    described = architecture()
    folder = tmp_path_factory.mktemp("good") / "net"
    return export_network(described, trained_like(described).state_dict(), folder, ModelCard("net"))


@pytest.fixture
def export(good: Path, tmp_path: Path) -> Path:
    return shutil.copytree(good, tmp_path / "net")


@pytest.fixture(autouse=True)
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that would have been run."""
    files: list[Path] = []

    def run(kind: object, file: Path, batches: list[torch.Tensor], outputs: object) -> list[list[torch.Tensor]]:
        files.append(file)
        return [[torch.full((len(batch), 5), torch.nan)] for batch in batches]

    monkeypatch.setattr(verification, "_run_alone", run)
    return files


def put(file: Path) -> Path:
    """The file's place, emptied."""
    file.unlink(missing_ok=True)
    return file


def _socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        # paths of sockets are short
        here = Path.cwd()
        os.chdir(file.parent)
        try:
            server.bind(file.name)
        finally:
            os.chdir(here)


def _elsewhere(file: Path) -> None:
    secret = file.parent.parent / "secret"
    secret.write_text("a secret")
    file.symlink_to(secret)


def _sparse(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(1 << 42)


PLACES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a folder": (lambda file: put(file).mkdir(), "is no regular file"),
    "a pipe": (lambda file: os.mkfifo(put(file)), "is no regular file"),
    "a socket": (lambda file: _socket(put(file)), "is no regular file"),
    "a device": (lambda file: put(file).symlink_to("/dev/zero"), "is a link to a file elsewhere"),
    "a link out": (lambda file: _elsewhere(put(file)), "is a link to a file elsewhere"),
    "a link to itself": (lambda file: put(file).symlink_to(file), "cannot be read"),
    "a link to nowhere": (lambda file: put(file).symlink_to("nowhere"), "cannot be read"),
    "4 TiB": (lambda file: _sparse(put(file)), "bytes, and may have"),
}


@pytest.mark.parametrize("how", PLACES)
def test_what_is_no_plain_file_is_named(export: Path, how: str, ran: list[Path]) -> None:
    make, words = PLACES[how]
    for name in FILES:
        kept = (export / name).read_bytes() if (export / name).exists() else None
        make(export / name)
        with pytest.raises(UserError, match=words) as caught:
            verify_here(export)
        assert name in str(caught.value)
        assert "a secret" not in str(caught.value)
        if (export / name).is_dir():
            (export / name).rmdir()
        else:
            (export / name).unlink()
        if kept is not None:
            (export / name).write_bytes(kept)
    assert ran == []


def test_links_within_the_folder_are_followed(export: Path, ran: list[Path]) -> None:
    (export / "model.py").rename(export / "kept")
    (export / "model.py").symlink_to("kept")
    verify_here(export)
    assert [file.name for file in ran] == ["model.py"]


def test_what_runs_is_a_copy_in_a_folder_without_others(export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch.py", "numpy.py", "sitecustomize.py", "setup.json"):
        (export / name).write_text("raise SystemExit")
    seen: list[str] = []

    def run(kind: object, file: Path, batches: list[torch.Tensor], outputs: object) -> list[list[torch.Tensor]]:
        assert not file.is_relative_to(export)
        seen.extend(sorted(other.name for other in file.parent.iterdir()))
        return [[torch.zeros(len(batch), 5)] for batch in batches]

    monkeypatch.setattr(verification, "_run_alone", run)
    verify_here(export)
    assert seen == ["__init__.py", "model.py", "model.safetensors"]


HUGE = {"blocks": 10**9, "width": 10**12, "expansion": 10**15}


@pytest.mark.parametrize(
    "change",
    [
        *({"stages": [{"blocks": 1, "width": 8, **{name: value}}]} for name, value in HUGE.items()),
        {"num_classes": 10**18},
        {"num_classes": 10**30},
        {"head_width": 10**15},
        {"image": {"channels": 3, "height": 10**9, "width": 10**9}},
        {"image": {"channels": 3, "height": 10**18, "width": 10**18}},
        {"image": {"channels": 10**12, "height": 8, "width": 8}},
        {"stem": {"kind": "conv", "width": 8, "kernel_size": 10**9 + 1}},
        {"stages": [{"operator": {"kind": "../../evil"}}]},
        {"block": "\x1b[2J\u202e"},
        {"stages": []},
    ],
)
def test_descriptions_of_huge_or_no_networks_are_refused(export: Path, change: dict[str, Any], ran: list[Path]) -> None:
    file = export / "architecture.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(UserError) as caught:
        verify_here(export)
    assert len(str(caught.value)) < 1000
    assert ran == []


@pytest.mark.parametrize("text", ["", "[", "[" * 10**5, "null", "1e999", '{"stages": NaN}', '{"a": 1, "a": 2}', "\0"])
def test_descriptions_that_are_none_are_refused(export: Path, text: str, ran: list[Path]) -> None:
    (export / "architecture.json").write_text(text)
    with pytest.raises(UserError, match=r"architecture\.json"):
        verify_here(export)
    assert ran == []


def test_names_in_weights_are_shown_short_and_plain(export: Path) -> None:
    file = export / "model.safetensors"
    # copies: older versions of safetensors leave tensors in the mapped file, which is written over below
    weights = {name: tensor.clone() for name, tensor in load_file(file).items()}
    for name in ("\x1b[2J\u202e", "x" * 10**6):
        save_file({**weights, name: torch.zeros(1)}, file)
        with pytest.raises(UserError, match="it has no ") as caught:
            verify_here(export)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500
        text = json.dumps({name: {"dtype": "NaN", "shape": [1], "data_offsets": [0, 4]}}, ensure_ascii=False).encode()
        file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
        with pytest.raises(UserError, match="damaged entry for ") as caught:
            verify_here(export)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(export: Path, value: float) -> None:
    file = export / "model.safetensors"
    weights = load_file(file)
    save_file({**weights, "classifier.bias": torch.full_like(weights["classifier.bias"], value)}, file)
    with pytest.raises(UserError, match=r"classifier\.bias holds numbers that are not finite"):
        verify_here(export)


def test_code_beside_the_module_must_be_our_own_too(export: Path, ran: list[Path]) -> None:
    file = export / "__init__.py"
    file.write_text(file.read_text() + "import os\n")
    with pytest.raises(UserError, match=r"__init__\.py is not what this version of sasa-nas writes"):
        verify_here(export)
    file.unlink()
    verify_here(export)
    assert [file.name for file in ran] == ["model.py"]


def test_consent_lets_foreign_files_run_and_damaged_ones_not(export: Path, ran: list[Path]) -> None:
    file = export / "model.py"
    file.write_text(file.read_text() + "# mine\n")
    with pytest.raises(UserError, match=r"add --trust to run what it holds with your own rights$"):
        verify_here(export)
    assert ran == []
    verify_here(export, trust=True)
    assert [file.name for file in ran] == ["model.py"]
    (export / "model.pt2").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"model\.pt2 is damaged"):
        verify_here(export, trust=True)
