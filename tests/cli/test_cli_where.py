"""`sasa-nas where` on runs of every state; their trainings are a formula's."""

import json
from pathlib import Path

import pytest
from assertions import every
from failing import fails

from sasa_nas.cli.app import main
from sasa_nas.run import Arm, Outcome, RunFolder, read_trials
from sasa_nas.space import load_space, proxy_of
from sasa_nas.space.enumeration import every_design

EFFECT_KEYS = {"factor", "level", "effect", "low", "high", "extra_flops", "at_equal_flops", "per_gflop", "n"}


@pytest.fixture(scope="module")
def additive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `tiny` whose late stages gain from attention, all in balance."""
    return searched(tmp_path_factory.mktemp("runs") / "additive", trials=32, balanced=1.0)


def searched(out: Path, *, trials: int, balanced: float) -> Path:
    options = ["--dataset", "synthetic:additive", "--trials", str(trials), "--balanced", str(balanced)]
    assert main(["search", "--space", "tiny", *options, "--out", str(out)]) == 0
    return out


def test_json_keeps_its_contract(capsys, additive: Path) -> None:
    capsys.readouterr()
    assert main(["where", str(additive), "--json"]) == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert err == ""
    assert data["baseline"] == "conv"
    assert data["enough"] is True
    assert [(e["factor"], e["level"]) for e in data["effects"]] == [
        (f"stages[{stage}].operator", "local_attention") for stage in range(3)
    ]
    for effect, planted in zip(data["effects"], (-0.06, 0.02, 0.05), strict=True):
        assert set(effect) >= EFFECT_KEYS
        assert effect["effect"] == pytest.approx(planted, abs=0.03)
        assert effect["low"] < effect["effect"] < effect["high"]
        assert effect["n"] == 16
        assert effect["at_equal_flops"] is None
    assert every(set(pair) >= {"factors", "effect", "low", "high"} for pair in data["interactions"])
    assert len(data["interactions"]) == 3
    assert data["swaps"] == []


def test_the_answer_comes_first_and_the_table_after(capsys, additive: Path, tmp_path: Path) -> None:
    figure = tmp_path / "where.png"
    capsys.readouterr()
    assert main(["where", str(additive), "--plot", str(figure)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Attention helps most in stage 3: +")
    assert "chance" not in lines[0]
    assert [line.split()[:4] for line in lines if line.startswith("stage ")] == [
        ["stage", str(stage), "local_attention", "conv"] for stage in (1, 2, 3)
    ]
    assert any("32 balanced trainings find effects of" in line for line in lines)
    assert f"  sasa-nas where {additive} --widths 8" in lines
    assert str(figure) in lines[-1]
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_widths_are_trained_and_tell_effects_at_equal_flops(capsys, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ["--dataset", "synthetic:flops", "--trials", "16", "--balanced", "1", "--out", str(run)]
    assert main(["search", "--space", "tiny", *options]) == 0
    capsys.readouterr()
    assert main(["where", str(run), "--widths", "8", "--plot", str(tmp_path / "where.svg")]) == 0
    out, err = capsys.readouterr()
    assert "24/24 trained" in err
    lines = out.splitlines()
    assert lines[0].startswith("At equal FLOPs, attention helps most in stage 3: +")
    (heading,) = [line for line in lines if line.startswith("factor")]
    assert heading.split() == ["factor", "level", "against", "effect", "FLOPs", "at", "equal", "FLOPs", "n"]
    assert any(line.startswith("Doubled FLOPs buy +") for line in lines)
    assert "--widths" not in out
    assert "at equal FLOPs" in (tmp_path / "where.svg").read_text()
    assert main(["where", str(run), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [point["multiplier"] for point in data["exchange"]["points"]] == [0.5, 0.71, 1.41, 2.0]
    assert data["exchange"]["per_doubling"]["effect"] == pytest.approx(0.15 * 0.301, abs=0.02)
    effects = [effect["at_equal_flops"] for effect in data["effects"]]
    assert [effect["effect"] for effect in effects] == pytest.approx([0.0, 0.0, 0.08], abs=0.03)
    assert [stage["at_equal_flops"]["star"] for stage in data["stages"]] == [True, False, False]
    assert main(["pareto", str(run), "--json"]) == 0
    front = json.loads(capsys.readouterr().out)["front"]
    assert {point["trial"] for point in front} <= set(range(16)), "networks outside the space are on no front"


def test_scores_of_a_file_are_used_or_refused_in_one_line(capsys, tmp_path: Path) -> None:
    options = ["--dataset", "synthetic:additive", "--trials", "40", "--balanced", "1"]
    assert main(["search", "--space", "hybrid256", *options, "--out", str(tmp_path / "run")]) == 0
    trained = read_trials(RunFolder(tmp_path / "run"))
    capsys.readouterr()
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({record.architecture_id: record.number for record in trained}))
    assert "has no score; scores must cover every design" in fails(capsys, "where", tmp_path / "run", "--scores", file)
    network = trained[0].architecture
    assert network is not None
    space = load_space("hybrid256")
    every_network = [
        proxy_of(design, space.proxy, network.image, network.num_classes) for _, design in every_design(space)
    ]
    file.write_text(json.dumps({one.id: i % 7 for i, one in enumerate(every_network)}))
    assert main(["where", str(tmp_path / "run"), "--scores", str(file), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["score"]["name"], data["score"]["asked"]) == ("scores of mine.json", True)
    assert data["effects"][0]["without_score"]["low"] < data["effects"][0]["without_score"]["high"]
    assert main(["where", str(tmp_path / "run"), "--scores", str(file)]) == 0
    assert "Scores of mine.json tell nothing of accuracy beyond the sum of effects" in capsys.readouterr().out
    assert "cannot be read" in fails(capsys, "where", tmp_path / "run", "--scores", tmp_path / "nowhere.json")


def test_too_small_a_run_says_how_many_more_and_trains_them(capsys, tmp_path: Path) -> None:
    run = searched(tmp_path / "run", trials=4, balanced=0.5)
    capsys.readouterr()
    assert main(["where", str(run)]) == 0
    out = capsys.readouterr().out
    assert "2 balanced trainings are too few for the effects of operators; at least 14 more are needed" in out
    assert f"where {run} --more 14" in out
    assert main(["where", str(run), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["enough"], data["effects"], data["more_trials"]) == (False, [], 14)
    assert main(["where", str(run), "--more", "14", "--json"]) == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert "18/18 trained" in err
    assert data["trainings"] == 16
    assert len(data["effects"]) == 3


def test_a_short_search_ends_with_bounds_by_all_its_trainings(capsys, tmp_path: Path) -> None:
    run = searched(tmp_path / "run", trials=16, balanced=0.25)
    ended = capsys.readouterr().out
    assert main(["where", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(lines[0]) for line in ended.splitlines()), "the search says it, too"
    assert [line.split()[:2] for line in lines if line.startswith("stage ")] == [
        ["stage", "1"],
        ["stage", "2"],
        ["stage", "3"],
    ]
    count = sum(record.outcome is Outcome.TRAINED for record in read_trials(RunFolder(run)))
    assert f"By a model of all {count} trainings, at 95 % for all places together." in lines
    assert main(["where", str(run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["bounds"]
    for place, effect in zip(found["places"], (-0.06, 0.02, 0.05), strict=True):
        assert place["levels"] == ["local_attention"]
        assert place["low"] <= effect <= place["high"]
    assert (found["trainings"], found["not_told"]) == (count, [])


def test_swaps_stand_in_the_table_and_in_json(capsys, tmp_path: Path) -> None:
    run = searched(tmp_path / "run", trials=8, balanced=0.0)
    capsys.readouterr()
    assert main(["where", str(run), "--swaps", "--swap-seeds", "3", "--json"]) == 0
    swaps = json.loads(capsys.readouterr().out)["swaps"]
    assert swaps
    for swap in swaps:
        assert set(swap) >= {"stage", "effect", "low", "high", "pairs", "networks", "operators"}
        assert swap["pairs"] == 3 * len(swap["networks"])
        assert swap["effect"] == pytest.approx((-0.06, 0.02, 0.05)[swap["stage"]], abs=0.04)
        assert swap["low"] < swap["effect"] < swap["high"]
    before = read_trials(RunFolder(run))
    assert sum(r.arm is Arm.SWAP for r in before) >= 3 * (len(swaps) + 1)
    assert main(["where", str(run), "--swaps", "--swap-seeds", "3"]) == 0
    out = capsys.readouterr().out
    assert read_trials(RunFolder(run)) == before, "twins are there already"
    rows = [line.split() for line in out.splitlines() if "local_attention" in line]
    assert [row[:3] for row in rows] == [["stage", str(swap["stage"] + 1), "local_attention"] for swap in swaps]
    assert "twins with convolution" in out


def test_after_a_replay_there_is_an_answer_but_nothing_more_to_train(capsys, tmp_path: Path) -> None:
    from sasa_nas.cost import count_network
    from sasa_nas.space import Image, proxy_of
    from sasa_nas.space.enumeration import every_design
    from sasa_nas.synthetic import planted
    from sasa_nas.table import Row, Table, TableInfo
    from sasa_nas.table.records import save_table

    space, formula = load_space("tiny"), planted("synthetic:additive")
    rows = []
    for choices, design in every_design(space):
        network = proxy_of(design, space.proxy, Image(channels=1, height=8, width=8), 10)
        counts = count_network(network).total
        finals = [formula.accuracy(network, counts.flops(), seed) for seed in (0, 1, 2)]
        rows.append(
            Row(
                choices=choices,
                architecture=network,
                flops=counts.flops(),
                params=counts.params,
                macs={},
                accuracy=tuple((final,) for final in finals),
                train_loss=((1.0,),) * 3,
                seconds=(1.0,) * 3,
            )
        )
    info = TableInfo(
        space=space.model_dump(mode="json"), dataset="digits", epochs=1, seeds=(0, 1, 2), train_images=1,
        validation_images=1, created="2026-01-02T00:00:00Z", versions={}, git=None, device="cpu",
    )  # fmt: skip
    table, run = tmp_path / "tiny.json.gz", tmp_path / "run"
    save_table(Table(info=info, rows=tuple(rows)), table)
    assert main(["search", "--replay", str(table), "--trials", "24", "--balanced", "1", "--out", str(run)]) == 0
    assert main(["where", str(run), "--resolution", "0.001"]) == 0
    out = capsys.readouterr().out
    assert "Attention helps most in stage 3" in out
    assert "--more" not in out
    for option in ("--more 4", "--widths 8", "--swaps"):
        line = fails(capsys, "where", run, *option.split())
        assert "replayed tiny.json.gz and trained nothing; replay it again, with other --trials or --balanced" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--resolution", "5"), "between 0 and 1"),
        (("--more", "-1"), "--more"),
        (("--widths", "-1"), "--widths"),
        (("--swap-seeds", "2"), "give both"),
        (("--plot", "where.gif"), ".png"),
    ],
)
def test_wrong_options_are_one_line(capsys, make_run, options: tuple[str, ...], words: str) -> None:
    assert words in fails(capsys, "where", make_run([]), *options)


def test_a_foreign_folder_is_one_line(capsys, tmp_path: Path) -> None:
    for options in ((), ("--json",), ("--more", "2"), ("--swaps",)):
        assert "is not a run" in fails(capsys, "where", tmp_path, *options)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_trained_unless_asked_for(make_run, make_record) -> None:
    run = make_run([make_record(0, 0.5, 1000), make_record(1, outcome=Outcome.LOST)])
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    assert main(["where", str(run)]) == 0
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
