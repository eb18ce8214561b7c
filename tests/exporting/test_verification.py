"""An export is checked file by file; what is missing, damaged or foreign is one line and is never run."""

import importlib.util
from pathlib import Path

import pytest
import torch
from export_cases import architecture, trained_like
from safetensors.torch import save_file

from sasa_nas.errors import UserError
from sasa_nas.exporting import verification
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.folder import export_network
from sasa_nas.exporting.format import format_of
from sasa_nas.exporting.formats import FORMATS
from sasa_nas.exporting.task_export import Output
from sasa_nas.exporting.verification import verify_here as verify_export


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """An export as a module alone."""
    described = architecture()
    return export_network(described, trained_like(described).state_dict(), tmp_path / "net", ModelCard("a: b | c"))


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is executed in these tests, which are of what has to be refused."""

    def refuse(*_: object) -> None:
        raise AssertionError("a file of the export is run")

    monkeypatch.setattr(verification, "_run_alone", refuse)


def test_a_foreign_module_is_not_run(module: Path) -> None:
    file = module / "model.py"
    text = file.read_text()
    for foreign in (
        text + "\nprint('hello')\n",
        text.replace("return model.eval()", "return model"),
        "import os  # net\n" + text.partition("\n")[2],
        text.replace("a: b | c", "net\rimport os"),
        "",
    ):
        file.write_text(foreign, newline="")
        with pytest.raises(UserError, match=r"model\.py is not what this version of sasa-nas writes"):
            verify_export(module)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"model\.py is not what this version of sasa-nas writes"):
        verify_export(module)


def test_an_own_module_is_run(module: Path) -> None:
    with pytest.raises(AssertionError, match="is run"):
        verify_export(module)


def test_an_export_of_an_earlier_version_is_run_if_trusted(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It had its weights under another name, which its module reads, and no config.json."""
    (module / "config.json").unlink()
    (module / "model.safetensors").rename(module / "weights.safetensors")
    file = module / "model.py"
    file.write_text(file.read_text().replace("model.safetensors", "weights.safetensors"))
    with pytest.raises(UserError, match=r"model\.py is not what this version of sasa-nas writes"):
        verify_export(module)
    seen: list[str] = []

    def run(kind: object, file: Path, batches: list[torch.Tensor], outputs: object) -> list[list[torch.Tensor]]:
        seen.extend(sorted(other.name for other in file.parent.iterdir()))
        return [[torch.zeros(len(batch), 5)] for batch in batches]

    monkeypatch.setattr(verification, "_run_alone", run)
    verify_export(module, trust=True)
    assert seen == ["__init__.py", "model.py", "weights.safetensors"]


def test_a_configuration_of_another_network_is_refused(module: Path) -> None:
    file = module / "config.json"
    file.write_text(file.read_text().replace('"num_classes": 5', '"num_classes": 6'))
    with pytest.raises(UserError, match=r"net: config\.json has another num_classes"):
        verify_export(module)


@pytest.mark.parametrize("name", ["architecture.json", "model.safetensors", "model.py"])
def test_what_is_missing_is_named(module: Path, name: str) -> None:
    (module / name).unlink()
    with pytest.raises(UserError, match=name):
        verify_export(module)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        verify_export(tmp_path / "gone")


def test_damaged_and_foreign_weights_are_refused(module: Path) -> None:
    file = module / "model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-8])
    with pytest.raises(UserError, match="is damaged or no safetensors file"):
        verify_export(module)
    save_file({"other": torch.zeros(2)}, file)
    with pytest.raises(UserError, match="the weights are not those of architecture"):
        verify_export(module)


def test_a_damaged_description_is_refused(module: Path) -> None:
    (module / "architecture.json").write_text('{"stages": [')
    with pytest.raises(UserError, match=r"architecture\.json"):
        verify_export(module)


def test_a_damaged_program_is_refused(module: Path) -> None:
    (module / "model.pt2").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"model\.pt2 is damaged or no file of torch\.export"):
        verify_export(module)


def test_a_missing_runtime_is_one_line_that_says_what_to_install(module: Path, monkeypatch) -> None:
    (module / "model.onnx").write_bytes(b"")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs onnxruntime: pip install 'sasa-nas\[onnx\]'"):
        verify_export(module)


def test_a_missing_writer_is_one_line_and_leaves_no_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else object())
    described = architecture()
    with pytest.raises(UserError, match=r"needs the package onnxscript: pip install 'sasa-nas\[onnx\]'"):
        export_network(described, trained_like(described).state_dict(), tmp_path / "x", ModelCard("x"), tuple(FORMATS))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("answer", "ok"), [(float("nan"), False), (float("inf"), False), (2e-4, False), (5e-5, True)])
def test_only_finite_small_differences_are_right(answer: float, ok: bool) -> None:
    outputs = (Output("boxes", 0.1), Output("scores"))
    expected = [torch.zeros(1, 3), torch.zeros(1, 2)]
    check = verification._check(format_of("onnx"), outputs, expected, [torch.zeros(1, 3), torch.full((1, 2), answer)])
    assert check.ok is ok
    assert (check.largest_difference is None) == (answer in (float("inf"),) or answer != answer)


def test_each_output_is_compared_in_its_own_unit() -> None:
    expected, answer = [torch.zeros(1, 3), torch.zeros(1)], [torch.full((1, 3), 0.064), torch.full((1,), 2e-5)]
    check = verification._check(format_of("onnx"), (Output("boxes", 640.0), Output("scores")), expected, answer)
    assert check.largest_difference == pytest.approx(1e-4)
    assert not verification._check(format_of("onnx"), (Output("boxes"), Output("scores")), expected, answer).ok


def test_another_shape_is_wrong() -> None:
    answer = [torch.zeros(1, 3)]
    assert verification._check(format_of("onnx"), (Output("logits"),), [torch.zeros(2, 3)], answer).ok is False
