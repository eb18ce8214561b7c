"""The study of natural images finds what is planted in a table, and writes its page from it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forked import run_forked
from planted_table import EFFECTS, NOISE, TOGETHER, accuracy_of, planted_table
from scipy.stats import kendalltau
from study.by_width import exchanged, rates
from study.interactions import interactions
from study.main_effects import main_effects
from study.networks import networks
from study.page import filled
from study.page_tables import blocks
from study.predictors import early_epochs, predictors
from study.quality import truth_tau
from study.replays import read_replays, searchers_table, where_table
from study.result import table_result
from study.tables import Studied, read_studied, sides

from sasa_nas.table.records import save_table

ROOT = Path(__file__).parent.parent
NAME = "groups_64_tiny_imagenet"


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Studied:
    path = tmp_path_factory.mktemp("tables") / f"{NAME}.json.gz"
    save_table(planted_table(repeated=8), path)
    return read_studied(path)


def test_planted_effects_are_found_within_their_intervals(studied: Studied) -> None:
    found = main_effects(studied)
    assert [effect.stage for effect in found] == [0, 1, 2, 3]
    # attention in the last two stages gives half of what it gives together to each, averaged over the other
    planted = [EFFECTS[0], EFFECTS[1], EFFECTS[2] + TOGETHER / 2, EFFECTS[3] + TOGETHER / 2]
    for effect, truth in zip(found, planted, strict=True):
        assert effect.raw.low <= truth <= effect.raw.high
    assert [effect.p_adjusted < 0.05 for effect in found] == [True, False, True, True]
    # eight networks of three seeds and eight of one: the variance of the sum over (1 / 8)^2 / n
    count = sum(1 / n for n in studied.counts) / 64
    assert found[0].raw.error == pytest.approx(studied.noise.within * count**0.5)
    assert studied.noise.within == pytest.approx(NOISE, rel=0.5)


@pytest.mark.parametrize(("single", "trainings"), [(0.6, (1, 3)), (0.2, (3, 3)), (0.0, (1, 1)), (1.0, (2, 2))])
def test_a_perfect_predictors_tau_is_that_of_drawn_tables(single: float, trainings: tuple[int, int]) -> None:
    counts = np.repeat(trainings, 30).astype(float)
    generator = np.random.default_rng(0)
    taus = []
    for _ in range(400):
        true = np.sqrt(single) * generator.standard_normal(60)
        means = true + np.sqrt((1.0 - single) / counts) * generator.standard_normal(60)
        taus.append(kendalltau(true if single else generator.standard_normal(60), means).statistic)
    error = float(np.std(taus)) / len(taus) ** 0.5
    assert truth_tau(single, counts) == pytest.approx(np.mean(taus), abs=4 * error + 1e-12)


def test_effects_at_equal_flops_are_those_of_a_regression(studied: Studied) -> None:
    (_, second, _, _) = main_effects(studied)
    attends = np.array([one.stages[1].operator.kind != "conv" for one in studied.architectures], dtype=float)
    columns = np.column_stack([np.ones(16), attends, np.log(studied.flops)])
    wanted = np.linalg.lstsq(columns, studied.means, rcond=None)[0][1]
    assert second.flops.matched is not None
    assert second.flops.matched.value == pytest.approx(wanted)
    means = [studied.flops[attends == value].mean() for value in (1.0, 0.0)]
    assert second.flops.change == pytest.approx(means[0] - means[1])
    assert second.flops.relative == pytest.approx(means[0] / means[1] - 1)


def exchange_of(studied: Studied) -> dict[str, Any]:
    """Results in the form of `exchange.py`, with an effect of 2 points in the second stage and none elsewhere."""

    def interval(value: float, p: float) -> dict[str, Any]:
        return {"effect": value, "low": value - 0.01, "high": value + 0.01, "p": p, "p_adjusted": p, "star": p < 0.05}

    told = [
        {"stage": i, "operator": "local_attention", "at_equal_flops": interval(value, p)}
        for i, (value, p) in enumerate([(0.011, 0.06), (0.02, 0.01), (0.0, 1.0), (0.0, 1.0)])
    ]
    trainings = [{"flops": flops} for flops in (2_000_000, 35_000_000, 2_000_000, 35_000_000)]
    result = {"sha256": studied.sha256, "effects": told, "trainings": trainings, "per_doubling": interval(0.03, 0.0)}
    return {NAME: result}


def test_effects_at_equal_flops_are_by_width_where_widths_were_trained(studied: Studied) -> None:
    told = exchange_of(studied)
    by_width = exchanged(told, NAME, studied.sha256)
    with_it, without = main_effects(studied, by_width), main_effects(studied)
    assert [one.flops.matched.value for one in with_it if one.flops.matched] == [0.011, 0.02, 0.0, 0.0]
    assert [one.flops.clear for one in with_it] == [False, True, False, False]
    # latency stays a regression, and what FLOPs change by is the table's
    assert [one.latency for one in with_it] == [one.latency for one in without]
    assert [one.flops.change for one in with_it] == [one.flops.change for one in without]
    # the second stage decides most of the cost, which misleads a regression alone
    assert [one.flops.misleading for one in with_it] == [False] * 4
    assert without[1].flops.misleading
    page = blocks({NAME: table_result(studied, {}, by_width)})
    assert (
        "At equal FLOPs it gains in stage 2 (32 px); makes no clear difference in stages 1 (32 px), 3" in page["answer"]
    )
    assert "| +2.00* (+1.00 to +3.00) |" in page["effects_groups"]
    assert "| +1.10 (+0.10 to +2.10) |" in page["effects_groups"]
    assert rates(told).endswith("| Tiny ImageNet, 64 px | 4 at 2 widths | 2.00 to 35.00 | +3.00 (+2.00 to +4.00) |")


def test_effects_by_width_of_a_table_that_has_changed_are_not_taken(studied: Studied) -> None:
    assert exchanged(exchange_of(studied), NAME, "another") == exchanged({}, NAME, studied.sha256) == {}


def test_the_planted_interaction_is_the_only_one(studied: Studied) -> None:
    found = {pair.stages: pair for pair in interactions(studied)}
    assert len(found) == 6
    assert found[2, 3].effect.low <= TOGETHER <= found[2, 3].effect.high
    assert [stages for stages, pair in found.items() if pair.p_adjusted < 0.05] == [(2, 3)]


def test_networks_stand_beside_the_all_convolution_one(studied: Studied) -> None:
    found = {one.name: one for one in networks(studied)}
    assert len(found) == 16
    assert found["CCCC"].gain is None
    gain = found["CCLL"].gain
    assert gain is not None
    assert gain.low <= EFFECTS[2] + EFFECTS[3] + TOGETHER <= gain.high


def test_early_epochs_are_held_against_other_seeds(studied: Studied) -> None:
    found = early_epochs(studied)
    assert set(found) == {"accuracy", "validation_loss"}
    for taus in found.values():
        assert len(taus) == 3
        for tau in taus:
            assert tau is not None
            # of 8 networks, differences of a point or more between most and noise of a fifth of a point
            assert (tau["networks"], tau["seeds"]) == (8, 3)
            assert 0.6 < tau["tau"] <= 1.0


def test_noise_that_a_seed_shares_with_itself_predicts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "noise.json.gz"
    table = planted_table(noise=0.0)
    flat = [
        # every seed sees its own order of the networks, in all epochs
        row.model_copy(
            update={
                "accuracy": tuple((0.2 + 0.01 * ((7 * place + 5 * seed * place) % 16),) * 3 for seed in (0, 1, 2)),
            }
        )
        for place, row in enumerate(table.rows)
    ]
    save_table(table.model_copy(update={"rows": tuple(flat)}), path)
    last = early_epochs(read_studied(path))["accuracy"][-1]
    assert last is not None
    assert last["tau"] < 0.5


def test_predictors_are_held_against_the_mean_over_seeds(studied: Studied) -> None:
    scores = {one.id: {"oracle": accuracy_of(one), "noise": 0.0} for one in studied.architectures}
    found = predictors(studied, scores)
    assert set(found) == {"FLOPs", "parameters", "latency", "oracle"}
    assert found["oracle"].tau > 0.85


def test_stages_work_on_maps_before_their_stride(studied: Studied) -> None:
    assert sides(studied.architectures[0]) == [32, 32, 16, 8]


def test_blocks_of_a_page_are_replaced_and_nothing_else() -> None:
    page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n"
    once = filled(page, {"x": "new | table"})
    assert once == "a\n<!-- begin x -->\nnew | table\n<!-- end x -->\nb\n"
    assert filled(once, {"x": "new | table"}) == once
    with pytest.raises(ValueError, match="expected"):
        filled(page, {"y": ""})


def test_the_page_says_what_is_not_trained_yet(studied: Studied) -> None:
    told = blocks({NAME: table_result(studied, {})})
    assert told["effects_hybrid"] == "*Not trained yet.*"
    assert "stage 3, 16 px | window attention | +3" in told["effects_groups"]
    assert "| 3, 4 | CCLL | +7" in told["sasa"]
    assert "| networks with several seeds, up to | 8, 3 |" in told["quality"]
    gains = "As trained it gains in stages 3 (16 px) and 4 (8 px); loses in stage 1 (32 px)"
    assert f"{gains}; makes no clear difference in stage 2 (32 px)." in told["answer"]


def test_replays_are_told_by_their_hypervolumes(tmp_path: Path) -> None:
    interval = {"mean": 1.0, "low": 0.5, "high": 1.5}
    true = {"hypervolume": {"25": interval, "100": interval}, "median_epochs_to_random": 101, "never_reached": 2}
    fewer = true | {"searches": 2}
    fitted = {"hypervolume": {part: interval | {"mean": 0.9} for part in ("25", "50", "100")}}
    searchers = {"TPE": {"true": true, "fitted": fitted}, "GP": {"true": fewer, "fitted": fitted}}
    told = {"budget_epochs": 100, "seeds": 3, "searchers": searchers}
    (tmp_path / f"searchers_{NAME}.json").write_text(json.dumps(told), encoding="utf-8")
    found = searchers_table(read_replays(tmp_path, "searchers"))
    cells = " | ".join(2 * ["1.0000 (0.5000 to 1.5000)"] + 3 * ["0.9000 (0.5000 to 1.5000)"])
    assert found.splitlines()[2] == f"| Tiny ImageNet, 64 px | TPE | {cells} | over 100, 2 of 3 not at all |"
    assert f"| GP, 2 searches | {cells} | over 100, 2 of 2 not at all |" in found
    assert where_table(read_replays(tmp_path, "effects")) == "*Not replayed yet.*"


@pytest.mark.slow
def test_the_study_is_written_from_the_tables_that_are_there(tmp_path: Path) -> None:
    save_table(planted_table(), tmp_path / f"{NAME}.json.gz")
    page, out = tmp_path / "page.md", tmp_path / "results.json"
    shutil.copyfile(ROOT / "docs" / "studies" / "natural_images.md", page)
    script = ROOT / "benchmarks" / "natural_images.py"
    answer = run_forked([script, "--no-scores", "--tables", tmp_path, "--page", page, "--out", out])
    assert answer.returncode == 0, answer.stderr
    assert "not there: hybrid256_32_cifar10, hybrid256_digits" in answer.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    assert list(result["tables"]) == [NAME]
    assert result["tables"][NAME]["quality"]["trainings"] == 48
    assert "| CCLL |" in page.read_text(encoding="utf-8")
    pictures = {file.name for file in tmp_path.glob("*.png")}
    assert pictures == {f"natural_images_{name}.png" for name in ("effects", "groups_64", "epochs")}
