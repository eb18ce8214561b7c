"""Tables are made of real trainings, go on where they stopped, and repeat to the bit."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from assertions import every

from sasa_nas.cost import count_network
from sasa_nas.data.registry import load
from sasa_nas.errors import UserError
from sasa_nas.models import build
from sasa_nas.space import SearchSpace, load_space
from sasa_nas.space.files import validate_space
from sasa_nas.table import Table, load_table
from sasa_nas.table.journal import Curve, Journal, TableTask
from sasa_nas.training.proxy import Trainer
from sasa_nas.training.seeding import seeded
from sasa_nas.workflows.observer import TableObserver
from sasa_nas.workflows.tabulate import make_table


class Follower(TableObserver):
    def __init__(self, stop_after: int = 10**6) -> None:
        self.begun: tuple[int, int] = (0, 0)
        self.curves: list[Curve] = []
        self.latencies = (0, 0)
        self._stop_after = stop_after

    def started(self, trainings: int, done: int) -> None:
        self.begun = (trainings, done)

    def trained(self, curve: Curve) -> None:
        self.curves.append(curve)
        if len(self.curves) >= self._stop_after:
            raise KeyboardInterrupt

    def timed(self, done: int, networks: int) -> None:
        self.latencies = (done, networks)


def space(**fields: Any) -> SearchSpace:
    stage = {"blocks": 1, "width": {"choice": [2, 4]}}
    stem = {"kind": "conv", "width": 2, "kernel_size": 3, "stride": 1, "pool": False}
    proxy = {"dataset": "digits", "recipe": {"epochs": 2, "batch_size": 256}}
    data = {"name": "two", "block": "basic", "stem": stem, "stages": [stage], "proxy": proxy}
    return validate_space(data | fields, "two")


def make(
    out: Path,
    follower: Follower,
    searched: SearchSpace | None = None,
    seeds: tuple[int, ...] = (0, 3),
    repeated: int | None = None,
) -> Table:
    return make_table(
        searched or space(),
        out,
        seeds=seeds,
        repeated=repeated,
        workers=1,
        data_dir=None,
        device="cpu",
        observer=follower,
    )


@pytest.mark.slow
def test_a_table_goes_on_where_it_stopped_and_holds_real_trainings(tmp_path: Path) -> None:
    out = tmp_path / "new" / "t.json.gz"
    partial = out.with_name("t.json.gz.partial.jsonl")
    with pytest.raises(KeyboardInterrupt):
        make(out, Follower(stop_after=1))
    assert not out.exists()
    with partial.open("a", encoding="utf-8") as file:
        file.write('{"architecture_id": "cut')  # as a kill leaves it
    follower = Follower()
    table = make(out, follower)
    assert follower.begun == (4, 1)
    assert len(follower.curves) == 3
    assert load_table(out) == table
    assert {path.name for path in out.parent.iterdir()} == {"t.json.gz"}
    assert [row.choices["stages[0].width"] for row in table.rows] == [2, 4]
    # the same training by hand
    row = table.rows[1]
    splits = load("digits")
    with seeded(3):
        network = build(row.architecture)
    recipe = space().proxy.recipe
    data = (splits.train, splits.validation, splits.info, recipe)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    trainer = Trainer(network, *data, seed=3, device=torch.device("cpu"))
    epochs = list(trainer.epochs())
    assert tuple(epoch.accuracy for epoch in epochs) == row.accuracy[1]
    assert row.validation_loss is not None
    assert row.validation_loss[1] == pytest.approx([epoch.validation_loss for epoch in epochs], abs=1e-5)
    torch.set_num_threads(threads)
    assert row.flops == count_network(row.architecture).total.flops()
    assert table.info.validation_images == len(splits.validation)
    assert follower.latencies == (2, 2)
    assert every(row.latency is not None and row.latency > 0 for row in table.rows)


@pytest.mark.night
@pytest.mark.slow
def test_of_some_networks_one_training_is_enough(tmp_path: Path) -> None:
    follower = Follower()
    table = make(tmp_path / "t.json.gz", follower, seeds=(0, 3, 4), repeated=1)
    assert follower.begun == (4, 0)
    assert sorted(len(row.accuracy) for row in table.rows) == [1, 3]
    assert sorted(curve.seed for curve in follower.curves) == [0, 0, 3, 4]
    assert [curve.seed for curve in follower.curves][:2] == [0, 0]


def test_trainings_of_another_table_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "t.json.gz"
    partial = tmp_path / "t.json.gz.partial.jsonl"
    partial.write_text(json.dumps({"space": {}}) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="another table"):
        make(out, Follower())
    assert partial.read_text(encoding="utf-8") == '{"space": {}}\n'


def test_a_journal_of_an_older_version_is_of_the_same_table(tmp_path: Path) -> None:
    space = load_space("tiny").model_dump(mode="json", warnings=False)
    task = TableTask(space=space, seeds=(0,), device="cpu")
    curve = Curve(architecture_id="0" * 12, seed=0, accuracy=(0.5,), train_loss=(1.0,), seconds=1.0)
    # without what a newer version's spaces have, and with other limits
    older = {name: value for name, value in space.items() if name != "target"} | {"limits": {"max_params": 5}}
    file = tmp_path / "journal.jsonl"
    file.write_text(f"{task.model_copy(update={'space': older}).model_dump_json()}\n{curve.model_dump_json()}\n")
    assert list(Journal(file, task).curves.values()) == [curve]
    for other in ({"seeds": (0, 1)}, {"space": {**space, "block": "bottleneck"}}, {"device": "cuda"}):
        with pytest.raises(UserError, match="another table"):
            Journal(file, task.model_copy(update=other))


def test_what_is_no_file_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe is there and no regular file; choose another --out"):
        make(tmp_path / "pipe", Follower())
    assert [file.name for file in tmp_path.iterdir()] == ["pipe"]


def test_a_large_space_is_refused(tmp_path: Path) -> None:
    large = space(stages=[{"width": {"choice": [2, 4, 6, 8]}}] * 8)
    with pytest.raises(UserError, match=r"65,536 combinations; a table takes at most 20,000"):
        make(tmp_path / "t.json.gz", Follower(), large)
    assert not list(tmp_path.iterdir())
