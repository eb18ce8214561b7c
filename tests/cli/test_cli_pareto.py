"""`sasa-nas pareto` on runs of every state."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from assertions import every

from sasa_nas.cli.app import main
from sasa_nas.run import Outcome

KEYS = {"trial", "architecture_id", "accuracy", "flops", "params"}


def test_json_is_all_there_is_on_stdout(capsys, make_run, make_record) -> None:
    records = [make_record(0, 0.5, 1000), make_record(1, 0.4, 2000), make_record(2, 0.75, 4000), make_record(3)]
    assert main(["pareto", str(make_run(records)), "--json"]) == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert err == ""
    assert [(p["trial"], p["accuracy"], p["flops"]) for p in data["front"]] == [(0, 0.5, 1000), (2, 0.75, 4000)]
    assert every(set(point) >= KEYS for point in data["front"])
    assert data["hypervolume"] > 0
    assert set(data["reference"]) == {"accuracy", "flops"}


def test_table(capsys, make_run, make_record) -> None:
    records = [make_record(0, 0.5, 1000, pattern="LC"), make_record(1, 0.4, 2000), make_record(2)]
    records.append(make_record(3, outcome=Outcome.OUT_OF_MEMORY))
    assert main(["pareto", str(make_run(records))]) == 0
    out = capsys.readouterr().out
    rows = out.splitlines()
    assert rows[1].split() == ["0", "50.00%", "1K", "1K", "conv", "local5", "conv3", "1.5"]
    assert "Hypervolume" in rows[2]
    assert rows[3] == "1 of 4 trials on the front. Trials: 1 running, 2 trained, 1 out of memory."


def test_the_baseline_is_marked_and_told(capsys, make_run, make_record) -> None:
    run = make_run([make_record(0, 0.5, 1000, pattern="CC"), make_record(1, 0.75, 4000, pattern="LC")])
    assert main(["pareto", str(run)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[1:3]] == ["0*", "1"]
    assert rows[3] == "* The baseline, all convolution, is trial 0: 50.00% at 1K FLOPs."
    for options in ([], ["--objectives", "accuracy,params"]):
        assert main(["pareto", str(run), "--json", *options]) == 0
        baseline = json.loads(capsys.readouterr().out)["baseline"]
        assert (baseline["trial"], baseline["accuracy"], baseline["operators"]) == (0, 0.5, ["conv", "conv"])


def test_the_front_is_by_expected_accuracies_where_there_are_enough_networks(capsys, make_run, make_record) -> None:
    # the most accurate was lucky: three stages gain a point each, and its like have less
    records = [
        make_record(
            number,
            0.5 + 0.01 * pattern.count("L") + (0.02 if number == 7 else 0.0),
            1000 + number,
            pattern=pattern,
            design=0,
        )
        for number, pattern in enumerate(f"{i % 8:03b}".replace("0", "C").replace("1", "L") for i in range(8))
    ]
    records += [records[7].model_copy(update={"number": 8, "accuracy": 0.51})]
    run = str(make_run(records))
    assert main(["pareto", run, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    best = data["front"][-1]
    assert (best["trial"], best["accuracy"]) == (7, pytest.approx(0.53))
    assert 0.5 < best["expected"] < 0.55
    expected = [point["expected"] for point in data["front"]]
    assert expected == sorted(expected)
    assert [point["flops"] for point in data["front"]] == sorted(point["flops"] for point in data["front"])
    assert 0.0 < best["expected_sd"] < 0.05
    assert 0.0 < best["front_chance"] <= 1.0
    assert main(["pareto", run]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:7] == ["trial", "accuracy", "mean", "of", "expected", "chance", "FLOPs"]
    assert rows[0].split()[0] == "0*"
    assert f"{100 * best['expected']:.2f} ±{196 * best['expected_sd']:.2f}%" in "".join(rows)
    assert len([row for row in rows if row.startswith("The front is by expected accuracy")]) == 1


def test_too_few_networks_cannot_be_settled(capsys, make_run, make_record) -> None:
    run = make_run([make_record(0, 0.5, 1000), make_record(1, 0.75, 4000)])
    assert main(["pareto", str(run), "--settle", "2"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "sasa-nas: to settle a front takes 8 trained networks; let the search go on (`sasa-nas resume`)"
    )


def test_few_networks_have_no_expectation(capsys, make_run, make_record) -> None:
    run = str(make_run([make_record(0, 0.5, 1000), make_record(1, 0.75, 4000)]))
    assert main(["pareto", run, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [point["expected"] for point in data["front"]] == [None, None]
    assert [point["trial"] for point in data["front"]] == [0, 1]
    assert main(["pareto", run]) == 0
    assert "xpected" not in capsys.readouterr().out


@pytest.mark.parametrize("trials", [0, 2])
def test_a_run_without_trained_trials(capsys, make_run, make_record, trials: int) -> None:
    run = make_run([make_record(i) for i in range(trials)])
    assert main(["pareto", str(run)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("No network of this run's space is trained to the end yet.")
    assert ("2 running" if trials else "none") in out
    assert main(["pareto", str(run), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["front"], data["hypervolume"], data["reference"]) == ([], 0.0, None)


def test_plot_is_written_and_named(capsys, make_run, make_record, tmp_path: Path) -> None:
    path = tmp_path / "front.png"
    assert main(["pareto", str(make_run([make_record(0, 0.5, 1000)])), "--plot", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    assert path.read_bytes().startswith(b"\x89PNG")


def test_failures_are_one_line(capsys, make_run, tmp_path: Path) -> None:
    assert main(["pareto", str(tmp_path)]) == 2
    assert "is not a run" in capsys.readouterr().err
    assert main(["pareto", str(make_run([])), "--plot", "front.gif"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


def test_nothing_is_written_to_the_run(make_run, make_record) -> None:
    run = make_run([make_record(0, 0.5, 1000)])
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    main(["pareto", str(run)])
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def measured(record, latency: float, robust: float):
    return record.model_copy(update={"latency": latency, "robust_accuracy": robust, "memory": 2_500_000})


def test_other_objectives_have_a_front_of_their_own(capsys, make_run, make_record) -> None:
    records = [
        measured(make_record(0, 0.5, 1000), 0.004, 0.1),
        measured(make_record(1, 0.6, 2000), 0.002, 0.3),
        measured(make_record(2, 0.55, 500), 0.003, 0.2),
    ]
    run = str(make_run(records))
    assert main(["pareto", run, "--json", "--objectives", "accuracy,latency"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [(p["trial"], p["latency"], p["robust_accuracy"], p["memory"]) for p in data["front"]] == [
        (1, 0.002, 0.3, 2_500_000)
    ]
    assert data["objectives"] == ["accuracy", "latency"]
    assert set(data["reference"]) == {"accuracy", "latency"}
    assert main(["pareto", run, "--objectives", "accuracy, latency,robust_accuracy,memory"]) == 0
    head, row, volume, _ = capsys.readouterr().out.splitlines()
    assert head.split()[:7] == ["trial", "accuracy", "FLOPs", "params", "latency", "under", "attack"]
    assert row.split()[:9] == ["1", "60.00%", "2K", "1K", "2", "ms", "30.00%", "2.5", "MB"]
    assert "measured from accuracy 0.1, latency 10 ms, robust_accuracy 0.00%, memory 10 MB" in volume
    assert main(["pareto", run, "--json", "--objectives", "flops,accuracy"]) == 0
    assert [p["trial"] for p in json.loads(capsys.readouterr().out)["front"]] == [2, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--objectives", "accuracy,latency"], "knows no latency"),
        (["--objectives", "latency"], "must be among"),
        (["--objectives", "accuracy,params", "--plot", "front.png"], "leave --objectives out"),
    ],
)
def test_objectives_that_cannot_be_are_one_line(capsys, make_run, make_record, options: list[str], words: str) -> None:
    assert main(["pareto", str(make_run([make_record(0, 0.5, 1000)])), *options]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err


@pytest.mark.slow
def test_reading_imports_nothing_heavy_and_builds_no_type_of_spaces(make_run, make_record) -> None:
    run = make_run([make_record(0, 0.5, 1000), make_record(1, 0.75, 4000)])
    script = """
import sys
from sasa_nas.cli.app import main
assert main(["pareto", sys.argv[1]]) == 0
heavy = {"torch", "ray", "optuna", "sqlalchemy", "matplotlib", "scipy", "sklearn"} & set(sys.modules)
assert not heavy, heavy
from sasa_nas.space import SearchSpace
assert not SearchSpace.__pydantic_complete__
"""
    answer = subprocess.run([sys.executable, "-c", script, str(run)], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "2 of 2 trials on the front" in answer.stdout
