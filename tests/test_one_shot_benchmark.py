"""The benchmark of supernets finds what is planted in a table and in a supernet's judgements."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from one_shot import result
from planted_table import EFFECTS, EPOCHS, TOGETHER, accuracy_of, planted_table
from study.ridge import operator_columns, predicted, ridge_tau
from study.tables import Studied, read_studied

from sasa_nas.run.path_records import PathRecord
from sasa_nas.run.supernet_folder import SupernetFolder
from sasa_nas.run.supernet_records import SupernetInfo
from sasa_nas.table.records import save_table


def studied(folder: Path, noise: float) -> Studied:
    save_table(planted_table(seeds=4, noise=noise), folder / "t.json.gz")
    return read_studied(folder / "t.json.gz")


def test_a_supernet_that_knows_the_truth_has_a_tau_of_one_and_the_planted_effects(tmp_path: Path) -> None:
    table, folder = studied(tmp_path, 0.0), SupernetFolder(tmp_path / "net")
    folder.path.mkdir()
    info = SupernetInfo(
        space=table.table.info.space,
        device_type="cpu",
        created=datetime(2026, 1, 2, tzinfo=UTC),
        command="",
        versions={},
        git=None,
        device="cpu",
        mean=(0.0,),
        std=(1.0,),
    )
    folder.info.write_text(info.model_dump_json())
    records = [
        PathRecord(
            architecture_id=one.id, seed=seed, validation_loss=3.0 + seed - accuracy_of(one), accuracy=accuracy_of(one)
        )
        for seed in (0, 1)
        for one in table.architectures
    ]
    folder.paths.write_text("".join(record.model_dump_json() + "\n" for record in records))
    found = result(table, folder, {})
    assert found["one_shot"]["tau"] == found["between_seeds"] == 1.0
    assert [one["tau"] for one in found["each_seed"]] == [1.0, 1.0]
    # two seeds, two paths an update
    assert found["path_epochs"] == 4 * found["epochs"]
    planted = [EFFECTS[0], EFFECTS[1], EFFECTS[2] + TOGETHER / 2, EFFECTS[3] + TOGETHER / 2]
    for side in ("supernet", "table"):
        assert [effect[side] for effect in found["effects"]] == pytest.approx(planted)
    assert found["ridge"]["trainings"] == round(4 * found["epochs"] / EPOCHS)


def test_a_ridge_regression_finds_a_sum_of_effects_and_shrinks_noise(tmp_path: Path) -> None:
    columns = operator_columns(studied(tmp_path, 0.0))
    assert columns.shape == (16, 4)
    truth = 0.3 + columns @ np.array([-0.01, 0.0, 0.02, 0.03])
    trained = np.array([0, 3, 5, 6, 9, 10, 12, 15])
    assert predicted(columns, trained, truth[trained]) == pytest.approx(truth, abs=1e-3)
    noise = np.random.default_rng(0).normal(size=8)
    assert np.ptp(predicted(columns, trained, noise)) < np.ptp(noise) / 2


def test_more_trainings_sort_better_and_too_many_leave_no_truth(tmp_path: Path) -> None:
    table = studied(tmp_path, 0.01)
    few, many = ridge_tau(table, 4), ridge_tau(table, 40)
    assert few is not None
    assert many is not None
    assert few["tau"] + 0.1 < many["tau"] < 1.0
    assert few["low"] < few["tau"] < few["high"]
    assert ridge_tau(table, 49) is None


def test_networks_with_unlike_seeds_are_sorted_by_those_that_are_left(tmp_path: Path) -> None:
    save_table(planted_table(seeds=3, repeated=4, noise=0.0), tmp_path / "t.json.gz")
    table = read_studied(tmp_path / "t.json.gz")
    few, many = ridge_tau(table, 3), ridge_tau(table, 12)
    assert few is not None
    assert many is not None
    # without noise, but with an interaction that no sum of effects has
    assert few["tau"] + 0.1 < many["tau"] < 1.0
    assert ridge_tau(table, 15) is None
