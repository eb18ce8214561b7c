"""A supernet's folder: what is written, what goes on where it stopped, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from assertions import every
from toy_supernets import toy_proxies, toy_space, toy_splits

from sasa_nas.analysis.where.scores import read_scores
from sasa_nas.errors import UserError
from sasa_nas.models import build
from sasa_nas.run.path_records import PathRecord, losses_by_design, one_shot_scores
from sasa_nas.run.supernet_folder import SupernetFolder
from sasa_nas.run.supernet_records import read_paths, read_supernet
from sasa_nas.space import Architecture, SearchSpace
from sasa_nas.supernet.paths import judged_designs
from sasa_nas.training.evaluate import evaluate
from sasa_nas.training.loop import EpochReport
from sasa_nas.workflows.observer import SupernetObserver
from sasa_nas.workflows.supernet import SupernetRequest, inherited, train_supernet


def request(seeds: tuple[int, ...] = (0,), most_paths: int = 9) -> SupernetRequest:
    return SupernetRequest(seeds=seeds, most_paths=most_paths, device="cpu", data_dir=None)


CPU = request()


class Notes(SupernetObserver):
    """Keeps what it is told; raises `stop` once so many events have come."""

    def __init__(self, after: int = 0) -> None:
        self.events: list[str] = []
        self._after = after

    def _note(self, event: str) -> None:
        self.events.append(event)
        if len(self.events) == self._after:
            raise KeyboardInterrupt

    def seed_started(self, seed: int, epochs: int) -> None:
        self._note(f"seed {seed} after {epochs}")

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        self._note(f"seed {seed} epoch {metrics.epoch}")

    def path_judged(self, record: PathRecord, done: int) -> None:
        self._note(f"path {done} of seed {record.seed}")


@pytest.fixture(autouse=True)
def _toy_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sasa_nas.workflows.supernet.load_for_search", lambda *_, **__: toy_splits())


def test_every_design_is_judged_by_every_seed_and_read_back(tmp_path: Path) -> None:
    folder, notes = SupernetFolder(tmp_path / "net"), Notes()
    records = trained(folder, request((0, 3)), notes)
    assert read_paths(folder) == records
    assert [record.seed for record in records] == [0] * 4 + [3] * 4
    assert len({record.architecture_id for record in records}) == 4
    assert notes.events[:7] == ["seed 0 after 0", "seed 0 epoch 1", "seed 0 epoch 2"] + [
        f"path {i} of seed 0" for i in (1, 2, 3, 4)
    ]
    assert read_supernet(folder).space["name"] == "toy"
    left = {"supernet.json", "paths.jsonl", "scores.json", "seeds"}
    assert left <= {path.name for path in folder.path.iterdir()} <= {*left, ".lock"}
    assert read_scores(folder.scores) == one_shot_scores(records)
    losses = losses_by_design(records)
    assert {design: -sum(both) / 2 for design, both in losses.items()} == pytest.approx(one_shot_scores(records))


@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_a_stop_anywhere_changes_no_number(tmp_path: Path, after: int) -> None:
    whole = trained(SupernetFolder(tmp_path / "whole"))
    folder = SupernetFolder(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        trained(folder, notes=Notes(after))
    if folder.paths.exists():
        with folder.paths.open("a", encoding="utf-8") as file:
            file.write('{"architecture_id": "cut o')
    notes = Notes()
    assert trained(folder, notes=notes) == whole == read_paths(folder)
    assert ("seed 0 epoch 1" in notes.events) == (after == 1)


def test_more_seeds_and_more_designs_can_be_had_later(tmp_path: Path) -> None:
    folder = SupernetFolder(tmp_path)
    first = trained(folder, request(most_paths=2))
    notes = Notes()
    later = trained(folder, request((0, 1)), notes)
    assert len(first) == 2
    assert set(first) < set(later)
    assert len(later) == 8
    assert "seed 0 epoch 1" not in notes.events
    assert "seed 1 epoch 1" in notes.events


def trained(folder: SupernetFolder, wanted: SupernetRequest = CPU, notes: Notes | None = None) -> list[PathRecord]:
    return list(train_supernet(toy_space(), folder, wanted, observer=notes or Notes()).records)


def test_a_kill_before_the_record_is_gone_on_from(tmp_path: Path) -> None:
    folder = SupernetFolder(tmp_path)
    folder.lock.touch()
    (tmp_path / ".supernet.json.abcdefgh.json").write_text('{"half')
    assert len(trained(folder)) == 4
    assert not list(tmp_path.glob(".supernet.json.*"))


def longer(space: SearchSpace) -> SearchSpace:
    recipe = space.proxy.recipe.model_copy(update={"epochs": 5})
    return space.model_copy(update={"proxy": space.proxy.model_copy(update={"recipe": recipe})})


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (
            lambda folder: train_supernet(longer(toy_space()), folder, CPU, observer=Notes()),
            "supernet of another space",
        ),
        (lambda folder: (folder.path / "thesis.txt").write_text("!"), "is not empty"),
        (lambda folder: folder.info.write_text("{}"), "supernet.json is damaged or foreign"),
    ],
)
def test_what_is_there_already_is_left_alone(tmp_path: Path, prepare: Callable[[Any], object], reason: str) -> None:
    folder = SupernetFolder(tmp_path)
    prepare(folder)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=reason):
        train_supernet(toy_space(), folder, CPU, observer=Notes())
    assert every(path.read_bytes() == content for path, content in before.items())
    assert folder.info.exists() or not folder.lock.exists()


def test_a_folder_that_is_no_supernet_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no supernet"):
        read_paths(SupernetFolder(tmp_path))


def test_scores_leave_out_what_one_seed_has_not_judged() -> None:
    def record(design: str, seed: int, loss: float) -> PathRecord:
        return PathRecord(architecture_id=design, seed=seed, validation_loss=loss, accuracy=0.5)

    records = [record("a", 0, 1.0), record("b", 0, 2.0), record("a", 1, 3.0)]
    assert one_shot_scores(records) == {"a": -2.0}
    assert one_shot_scores([]) == {}


def test_a_network_inherits_its_path(tmp_path: Path) -> None:
    folder, splits = SupernetFolder(tmp_path), toy_splits()
    records = trained(folder)
    designs: dict[str, Architecture] = {design.id: design for design in judged_designs(toy_proxies(), 4)}
    for record in records:
        network = inherited(folder, designs[record.architecture_id], splits)
        alone = build(designs[record.architecture_id])
        alone.load_state_dict(network.state_dict())
        found = evaluate(alone, splits.validation)
        assert found.loss == pytest.approx(record.validation_loss, rel=1e-5)
        assert found.accuracy == record.accuracy
    stranger = designs[records[0].architecture_id].model_copy(update={"num_classes": 7})
    with pytest.raises(UserError, match="is no path of the supernet"):
        inherited(folder, stranger, splits)
