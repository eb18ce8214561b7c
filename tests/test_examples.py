"""The examples, as a reader runs them."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def output(name: str, *words: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What an example prints."""
    monkeypatch.setattr(sys, "argv", [name, *words])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return capfd.readouterr().out


def test_a_search_and_its_front(tmp_path: Path, capfd, monkeypatch) -> None:
    found = output(
        "search_front", "--trials", "8", "--out", str(tmp_path / "run"), capfd=capfd, monkeypatch=monkeypatch
    )
    assert "MFLOPs" in found
    assert found.splitlines()[-1].startswith("hypervolume ")


def test_where_attention_helps(capfd, monkeypatch) -> None:
    found = output("where_attention_helps", capfd=capfd, monkeypatch=monkeypatch)
    assert found.startswith("attention in stage 4: ")


@pytest.mark.slow
def test_own_data(capfd, monkeypatch) -> None:
    assert float(output("own_data", capfd=capfd, monkeypatch=monkeypatch).split()[-1]) > 0.9


@pytest.mark.slow
def test_an_export_is_loaded_in_plain_torch(capfd, monkeypatch) -> None:
    found = output("load_export", capfd=capfd, monkeypatch=monkeypatch)
    assert found.splitlines() == ["wrote model.py", "logits (1, 1000)"]
