"""`sasa-nas doctor` looks around and changes nothing."""

import json
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

from sasa_nas.cli.app import main
from sasa_nas.cli.diagnosis import PACKAGES, diagnose
from sasa_nas.operators import OPERATORS
from sasa_nas.ops.window_sums import forms as window_sums


def test_json(capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data["versions"]) == {"python", *PACKAGES}
    assert data["versions"]["torch"] == metadata.version("torch")
    assert data["devices"]["torch_threads"] == torch.get_num_threads()
    assert len(data["devices"]["gpus"]) == torch.cuda.device_count()
    assert [form["operator"] for form in data["operators"]] == list(OPERATORS.kinds)
    assert data["runs"]["path"] == str(tmp_path / "runs")
    assert data["runs"]["writable"]
    assert data["runs"]["free"] > 0
    assert not list(tmp_path.iterdir())


def test_text(capsys) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert metadata.version("torch") in out
    assert "local_attention" in out


def test_attention_says_which_form_runs_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SASA_NAS_BACKEND", raising=False)
    forms = {form.operator: form for form in diagnose().operators}
    for operator in ("local_attention", "augmented_conv", "global_attention", "pairwise", "patchwise"):
        if not torch.cuda.is_available():
            assert "triton cannot run: tensors are on cpu" in forms[operator].why
    assert forms["augmented_conv"].form == forms["global_attention"].form
    monkeypatch.setenv("SASA_NAS_BACKEND", "blocks")
    forms = {form.operator: form for form in diagnose().operators}
    assert (forms["global_attention"].form, forms["global_attention"].why) == ("blocks", "SASA_NAS_BACKEND says so")
    # the other operators have no backend of that name
    assert "blocks" not in {forms[operator].form for operator in ("local_attention", "pairwise", "patchwise")}
    monkeypatch.setenv("SASA_NAS_BACKEND", "slices")
    forms = {form.operator: form for form in diagnose().operators}
    for operator in ("local_attention", "pairwise", "patchwise"):
        assert (forms[operator].form, forms[operator].why) == ("slices", "SASA_NAS_BACKEND says so")
    monkeypatch.setenv("SASA_NAS_BACKEND", "nonsense")
    assert {form.form for form in diagnose().operators if form.operator != "conv"} == {"none"}


def test_sans_operators_say_which_form_runs_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SASA_NAS_BACKEND", raising=False)
    monkeypatch.setattr(window_sums, "cpu_cannot", lambda device, dtype: "there is no C compiler")
    monkeypatch.setattr(window_sums, "triton_cannot", lambda device, dtype: "there is no GPU")
    forms = {form.operator: form for form in diagnose().operators}
    assert forms["pairwise"].form == forms["patchwise"].form == "slices"
    assert forms["pairwise"].why == "triton cannot run: there is no GPU; cpu cannot run: there is no C compiler"


def test_a_file_in_the_way_of_the_runs(tmp_path: Path) -> None:
    file = tmp_path / "runs"
    file.write_text("", encoding="utf-8")
    assert not diagnose(file).runs.writable


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    devices = diagnose().devices
    assert devices.torch_threads is None
    assert devices.problem is not None
    assert "torch" in devices.problem


def test_a_missing_package_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(package: str) -> str:
        if package == "triton":
            raise metadata.PackageNotFoundError(package)
        return real(package)

    monkeypatch.setattr(metadata, "version", version)
    assert diagnose().versions["triton"] is None


def test_the_size_of_decoded_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    images = tmp_path / "sasa-nas" / "images"
    assert diagnose().decoded_images.model_dump() == {"path": images, "files": 0, "bytes": 0}
    images.mkdir(parents=True)
    (images / "a.decoded").write_bytes(b"12345")
    (images / ".b.decoded.half").write_bytes(b"123")
    assert diagnose().decoded_images.model_dump() == {"path": images, "files": 2, "bytes": 8}
