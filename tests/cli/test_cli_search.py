"""Wrong input to `search`, `resume` and `export` is one line and exit status 2; a real search is in test_end_to_end."""

import os
import pty
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from assertions import every
from failing import fails

from sasa_nas.cli.app import main
from sasa_nas.cli.options import SamplerName
from sasa_nas.run.records import Sampler
from sasa_nas.searching import plan
from sasa_nas.space import load_architecture
from sasa_nas.space.files import shipped_spaces


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_an_unknown_space_is_named_with_its_neighbour(capsys: pytest.CaptureFixture[str], out: Path) -> None:
    line = fails(capsys, "search", "--space", "resnet_hybird", "--out", out)
    assert "resnet_hybird" in line
    assert "did you mean 'resnet_hybrid'?" in line
    assert not out.exists()


def test_a_missing_space_says_that_it_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--space" in fails(capsys, "search")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--dataset", "cifar11"), ("cifar11", "cifar10")),
        (("--dataset", "imagefolder:/nowhere/at/all"), ("/nowhere/at/all",)),
        (("--max-params", 10), ("max_params=10", "tiny")),
        (("--max-params", "2X"), ("--max-params", "'2X' is no number", "2M")),
        (("--max-params", "1.5"), ("'1.5' is no whole number",)),
        (("--max-flops", 1000), ("max_flops=1,000", "tiny")),
        (("--epochs", 0), ("--epochs",)),
        (("--trials", "many"), ("--trials", "valid integer")),
        (("--trials", -1), ("--trials",)),
        (("--seed", -1), ("--seed",)),
        (("--cpus-per-trial", 0), ("--cpus-per-trial",)),
        (("--epoch", 3), ("--epoch",)),
        (("--storage", "/shared/runs"), ("/shared/runs", "s3://bucket")),
    ],
)
def test_wrong_options_are_named_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], out: Path, options: tuple[object, ...], words: tuple[str, ...]
) -> None:
    line = fails(capsys, "search", "--space", "tiny", "--out", out, *options)
    assert every(word in line for word in words), line
    assert not out.exists()


def test_a_typo_in_a_space_file_names_file_path_and_value(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, out: Path
) -> None:
    data = yaml.safe_load(shipped_spaces()["tiny"].read_text())
    data["stages"][1]["operator"] = {"choice": [{"kind": "conv"}, {"kind": "local_attention", "num_heads": 5}]}
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(data))
    line = fails(capsys, "search", "--space", file, "--out", out)
    assert f"{file}: stages[1].operator.choice[1].num_heads: num_heads=5 does not divide width=32" in line
    assert not out.exists()


def test_an_output_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = fails(capsys, "search", "--space", "tiny", "--out", tmp_path / "file" / "run")
    assert "cannot be written" in line
    assert "--out" in line


def test_a_dry_run_prints_designs_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["search", "--space", "tiny", "--dry-run", "20", "--max-params", "60K"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split("\t") == ["architecture_id", "params", "flops", "stem", "operators"]
    assert len(lines) == 20
    assert every(int(line.split("\t")[1]) <= 60_000 for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_keeps_both_limits_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["search", "--space", "resnet_hybrid", "--dataset", "synthetic:additive", "--dry-run", "300"]
    assert main(wanted) == 0
    free = costs(capsys.readouterr().out)
    most_params, most_flops = (sorted(column)[len(free) // 2] for column in zip(*free, strict=True))
    limits = ["--max-params", str(most_params), "--max-flops", str(most_flops)]
    assert main([*wanted, *limits]) == 0
    limited = costs(capsys.readouterr().out)
    assert len(limited) == len(free) == 300
    assert every(params <= most_params and flops <= most_flops for params, flops in limited)
    assert sum(params > most_params or flops > most_flops for params, flops in free) > 50


def costs(out: str) -> list[tuple[int, int]]:
    """Parameters and FLOPs of the designs that a dry run printed."""
    rows = [line.split("\t") for line in out.splitlines()[1:]]
    return [(int(row[1]), int(row[2])) for row in rows]


@pytest.mark.parametrize(("option", "name"), [("--max-params", "max_params=7"), ("--max-flops", "max_flops=7.0")])
def test_a_dry_run_with_a_limit_that_nothing_keeps_names_it(
    capsys: pytest.CaptureFixture[str], option: str, name: str
) -> None:
    assert name in fails(capsys, "search", "--space", "tiny", "--dry-run", 5, option, 7)


def test_a_dry_run_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    line = fails(capsys, "search", "--space", "tiny", "--dry-run", 5, "--max-latency", 0.01)
    assert "cannot keep max_latency=0.01: leave that limit out" in line


def test_a_long_dry_run_shows_how_far_it_is_and_can_be_stopped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines go to a pipe and its bar to a terminal; Ctrl-C leaves the lines that were printed."""
    draws = plan.dry_run

    def interrupted(*arguments: Any) -> Iterator[plan.Design]:
        yield from islice(draws(*arguments), 3)
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "dry_run", interrupted)
    terminal, screen = pty.openpty()
    with os.fdopen(screen, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        assert main(["search", "--space", "tiny", "--dry-run", "1000"]) == 130
    shown = b""
    with suppress(OSError):  # at the end of what was written; a single call may give less
        while part := os.read(terminal, 65536):
            shown += part
    os.close(terminal)
    assert b"/1000" in shown
    assert b"Traceback" not in shown
    assert len(capsys.readouterr().out.splitlines()) == 1 + 3


@pytest.mark.parametrize(("trials", "more"), [(2, True), (20, False)])
def test_more_networks_are_suggested_only_where_the_space_has_more(
    capsys: pytest.CaptureFixture[str], out: Path, trials: int, more: bool
) -> None:
    wanted = ["search", "--space", "tiny", "--dataset", "synthetic:null", "--balanced", "0", "--trials", str(trials)]
    assert main([*wanted, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert f"where {out}" in printed
    assert (f"resume {out} --trials 4" in printed) == more
    assert ("Every network of the space is trained" in printed) != more


def test_resuming_nothing_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "is not a run" in fails(capsys, "resume", tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--format", "onnxx"), ("onnxx", "module")),
        (("--pick", "worst"), ("worst", "best, knee")),
        (("--trial", 0, "--pick", "best"), ("--trial", "--pick")),
        (("--trial", 7), ("no trial 7",)),
        (("--trial", 1), ("trial 1 is broken",)),
        (("--trial", 0), ("weights.safetensors",)),
    ],
)
def test_what_cannot_be_exported_is_refused(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    make_run,
    make_record,
    options: tuple[object, ...],
    words: tuple[str, ...],
) -> None:
    from sasa_nas.run import Outcome

    run = make_run([make_record(0, accuracy=0.5, flops=1000), make_record(1, outcome=Outcome.BROKEN)])
    line = fails(capsys, "export", run, "--out", tmp_path / "exported", *options)
    assert every(word in line for word in words), line
    assert not (tmp_path / "exported").exists()


def test_a_trial_of_a_run_is_exported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, make_run, make_record
) -> None:
    from safetensors.torch import save_file

    from sasa_nas.models import build
    from sasa_nas.run import RunFolder

    record = make_record(0, accuracy=0.5, flops=1000)
    run = make_run([record])
    trial = RunFolder(run).trial(0)
    trial.path.mkdir(parents=True, exist_ok=True)
    save_file(build(record.architecture).state_dict(), trial.weights)
    assert main(["export", str(run), "--out", str(tmp_path / "exported")]) == 0
    assert "50.00%" in capsys.readouterr().out
    assert load_architecture(tmp_path / "exported" / "architecture.json") == record.architecture


@pytest.mark.parametrize(
    ("objectives", "words"),
    [("accuracy,speed", "'latency' or 'robust_accuracy'"), ("flops", "must be among"), ("accuracy,accuracy", "twice")],
)
def test_objectives_that_make_no_sense_are_one_line(capsys, objectives: str, words: str) -> None:
    assert main(["search", "--space", "tiny", "--objectives", objectives]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err


def test_samplers_are_those_of_the_settings() -> None:
    assert tuple(SamplerName) == get_args(Sampler)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "either --space"),
        (["--space", "tiny", "--replay", "t.json.gz"], "either --space"),
        (["--replay", "t.json.gz", "--epochs", "3"], "a table's space is as it is"),
        (["--replay", "gone.json.gz"], "there is no table gone.json.gz"),
    ],
)
def test_replays_that_cannot_be_are_one_line(
    capsys: pytest.CaptureFixture[str], out: Path, arguments: list[str], words: str
) -> None:
    assert words in fails(capsys, "search", *arguments, "--out", out)
    assert not out.exists()
