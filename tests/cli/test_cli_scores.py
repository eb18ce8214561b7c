"""`sasa-nas scores` on runs made by hand."""

import json

import pytest
from failing import fails

from sasa_nas.cli.app import main


@pytest.fixture
def run(make_run, make_record) -> str:
    records = [
        make_record(i, 0.1 * i, 1000 * i, params=100 * (12 - i)).model_copy(
            update={"scores": {"synflow": float(i), "zico": -float(i % 3)}}
        )
        for i in range(1, 9)
    ]
    return str(make_run(records))


def test_json(capsys: pytest.CaptureFixture[str], run: str) -> None:
    assert main(["scores", run, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [score["name"] for score in data["scores"]] == ["synflow", "zico"]
    assert data["scores"][0]["correlation"]["tau"] == pytest.approx(1.0)
    assert set(data["scores"][0]["correlation"]) == {"tau", "low", "high", "n"}
    assert data["sizes"][0]["correlation"]["tau"] == pytest.approx(-1.0)
    assert data["networks"] == 8


def test_table(capsys: pytest.CaptureFixture[str], run: str) -> None:
    assert main(["scores", run]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Kendall's tau with the accuracy of 8 trained networks of tiny on digits")
    assert lines[2].split()[:6] == ["synflow", "+1.00", "+1.00", "to", "+1.00", "8"]
    assert lines[2].endswith("no better than counting FLOPs")
    assert [line.split()[0] for line in lines[2:]] == ["synflow", "zico", "parameters", "FLOPs"]


def test_failures_are_one_line(capsys: pytest.CaptureFixture[str], make_run, make_record, tmp_path) -> None:
    assert "is not a run" in fails(capsys, "scores", tmp_path)
    bare = make_run([make_record(i, 0.5, 1000) for i in range(6)], "bare")
    assert "--scores naswot,synflow,zico" in fails(capsys, "scores", bare)
