"""`sasa-nas report`: where the file goes, and failures in one line."""

from pathlib import Path

from sasa_nas.cli.app import main


def test_the_report_is_written_and_named(capsys, make_run, make_record, tmp_path: Path) -> None:
    run = make_run([make_record(0, 0.5, 1000), make_record(1)])
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr() == (f"Report: {run / 'report.html'}\n", "")
    out, figures = tmp_path / "here.html", tmp_path / "figures"
    assert main(["report", str(run), "--out", str(out), "--figures", str(figures)]) == 0
    assert out.is_file()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Report: {out}"
    assert {f"Figure: {path}" for path in figures.iterdir()} == set(lines[1:])


def test_a_damaged_curve_is_told_and_costs_no_more(capsys, make_run, make_record) -> None:
    run = make_run([make_record(0, 0.5, 1000)])
    (run / "trials" / "0000" / "metrics.jsonl").write_bytes(b"\x80")
    assert main(["report", str(run)]) == 0
    assert "metrics.jsonl is damaged or foreign" in capsys.readouterr().err


def test_failures_are_one_line_and_leave_nothing(capsys, make_run, tmp_path: Path) -> None:
    for arguments in ([str(tmp_path)], [str(make_run([])), "--out", str(tmp_path / "none" / "r.html")]):
        before = sorted(tmp_path.rglob("*"))
        assert main(["report", *arguments]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert sorted(tmp_path.rglob("*")) == before
