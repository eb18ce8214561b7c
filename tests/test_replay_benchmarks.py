"""Benchmarks of searches that replay a table, some of whose networks have a single training."""

import math
import statistics
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
from earlier import earlier_results
from effects import truth
from planted_table import EFFECTS, EPOCHS, TOGETHER, planted_table
from searchers import decisive, search
from study.fitted import fitted_accuracies, left_out_error

from sasa_nas.run import SearchSettings
from sasa_nas.surrogate.factors import Vector
from sasa_nas.table import Table
from sasa_nas.table.records import save_table


def true_hypervolume(table: Table) -> float:
    """By slices of the FLOPs' axis, over accuracy by chance: 1 of 40 classes."""
    points = sorted((row.flops, statistics.fmean(course[-1] for course in row.accuracy)) for row in table.rows)
    ends = [flops for flops, _ in points[1:]] + [10.0 ** len(str(points[-1][0]))]
    best = [max(accuracy for _, accuracy in points[: i + 1]) for i in range(len(points))]
    return sum((b - 1 / 40) * math.log10(end / flops) for (flops, _), end, b in zip(points, ends, best, strict=True))


def finals(table: Table) -> Vector:
    """Of each network, the mean over its seeds."""
    return np.array([statistics.fmean(course[-1] for course in row.accuracy) for row in table.rows])


def test_a_search_of_the_whole_table_ends_with_its_true_hypervolume(tmp_path: Path) -> None:
    table = planted_table(repeated=8, noise=0.01)
    save_table(table, tmp_path / "t.json.gz")
    course = search(tmp_path / "t.json.gz", SearchSettings(sampler="random"), seed=0)
    assert course.epochs[-1] == len(table.rows) * EPOCHS
    assert course.true[-1] == pytest.approx(true_hypervolume(table))
    assert course.true[-1] != pytest.approx(course.seen[-1], rel=1e-4)


def test_without_noise_what_is_seen_is_true(tmp_path: Path) -> None:
    save_table(planted_table(repeated=8, noise=0.0), tmp_path / "t.json.gz")
    course = search(tmp_path / "t.json.gz", SearchSettings(sampler="random"), seed=0)
    assert course.true == pytest.approx(course.seen)
    assert course.fitted == pytest.approx(course.seen, rel=1e-3)


def test_fitted_accuracies_hold_less_of_the_luck_than_means() -> None:
    true, means = (finals(planted_table(repeated=8, noise=noise)) for noise in (0.0, 0.01))
    fitted = fitted_accuracies(planted_table(repeated=8, noise=0.01))
    assert np.std(means - true) > 0.005
    assert np.std(fitted - true) < 0.9 * np.std(means - true)


def test_a_fit_is_judged_by_trainings_that_it_did_not_see() -> None:
    # 16 networks of 11 columns: nothing but the seeds' chance and the fit's error is left
    assert 0.001 < left_out_error(planted_table(noise=0.002)) < 0.003
    # no fit foretells the chance of seeds
    assert left_out_error(planted_table(noise=0.03)) > 0.025


def test_true_effects_are_those_of_the_mean_over_seeds() -> None:
    true = truth(planted_table(repeated=8, noise=0.0))
    assert true[0, "local_attention"] == pytest.approx(EFFECTS[0])
    assert true[3, "local_attention"] == pytest.approx(EFFECTS[3] + TOGETHER / 2)


def test_it_is_told_what_the_most_decisive_network_adds() -> None:
    table = planted_table(repeated=8, noise=0.01)
    rows = list(table.rows)
    without = {
        row.architecture.id: true_hypervolume(table.model_copy(update={"rows": [r for r in rows if r is not row]}))
        for row in rows
    }
    told = decisive(table, dict.fromkeys(without, 0.25))
    assert told["network"] == min(without, key=without.__getitem__)
    assert told["hypervolume_without"] == pytest.approx(min(without.values()))
    assert told["hypervolume"] == pytest.approx(true_hypervolume(table))
    assert told["fitted"] == 0.25


def test_results_of_other_settings_are_not_added_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser, out = ArgumentParser(), tmp_path / "r.json"
    assert earlier_results(out, {"seeds": 3}, parser) == {}
    out.write_text('{"seeds": 3, "rows": [1]}', encoding="utf-8")
    assert earlier_results(out, {"seeds": 3}, parser)["rows"] == [1]
    with pytest.raises(SystemExit) as ended:
        earlier_results(out, {"seeds": 4}, parser)
    assert ended.value.code == 2
    assert "r.json has seeds: 3, not 4; name another --out" in capsys.readouterr().err
