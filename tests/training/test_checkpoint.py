"""Going on after a kill, on a trainer that counts and on the real one."""

import errno
import pickle
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from sasa_nas.data.splits import DatasetInfo, ImageSet
from sasa_nas.space.proxy import Recipe
from sasa_nas.training.checkpoint import BadCheckpoint, load_checkpoint, save_checkpoint, train_with_checkpoints
from sasa_nas.training.proxy import EpochMetrics, Trainer
from sasa_nas.training.seeding import seeded

INFO = DatasetInfo("toy", channels=1, height=4, width=4, num_classes=2, flip=True, shift=1)


@dataclass(frozen=True)
class Count:
    """The metrics of a `Counter`."""

    epoch: int
    total: float


@dataclass(frozen=True)
class Maybe:
    """Metrics of which one may be missing."""

    epoch: int
    total: float | None


class Counter:
    """Adds up; stands for any trainer."""

    def __init__(self, last: int = 4) -> None:
        self.epoch = 0
        self.last = last
        self.total = torch.zeros(())

    def epochs(self):
        while self.epoch < self.last:
            self.epoch += 1
            self.total = self.total * 3 + self.epoch
            yield Count(self.epoch, self.total.item())

    def state_dict(self):
        return {"epoch": self.epoch, "total": self.total}

    def load_state_dict(self, state):
        self.total = state["total"]
        self.epoch = int(state["epoch"])


class Killed(BaseException):
    """No handler of errors may catch it, as none catches a kill."""


class Log:
    """What a training told; raises `Killed` once so many epochs are told of."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.progress: list[list[int]] = []
        self.restarts: list[str] = []
        self.kill_at = kill_at

    def started(self, history):
        self.progress.append([epoch.epoch for epoch in history])

    def restarted(self, reason):
        self.restarts.append(reason)

    def advanced(self, history):
        self.started(history)
        if self.kill_at == len(history):
            raise Killed


def run(path: Path, make=Counter, metrics=Count, log=None):
    log = log or Log()
    trainer = train_with_checkpoints(make, metrics, checkpoint=path, progress=log)
    return trainer, log


@pytest.mark.parametrize("kill_at", [1, 2, 4])
def test_goes_on_after_a_kill_between_epochs(tmp_path: Path, kill_at: int) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Killed):
        run(path, log=Log(kill_at))
    trainer, log = run(path)
    assert trainer.total == run(tmp_path / "other.pt")[0].total
    assert log.progress == [list(range(1, n + 1)) for n in range(kill_at, 5)]
    assert log.restarts == []


def test_a_kill_while_the_checkpoint_is_written_costs_that_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Killed):
        run(path, log=Log(2))

    def half(self: Path, content: memoryview) -> int:
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(Killed):
            run(path)
    trainer, log = run(path)
    assert log.progress[0] == [1, 2]
    assert trainer.epoch == 4
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-40]),
        lambda path: path.write_bytes(b"not a checkpoint at all"),
        lambda path: torch.save({"trainer": {"epoch": 1}, "metrics": []}, path),
        lambda path: torch.save([1, 2], path),
        lambda path: torch.save({"trainer": {"epoch": 2, "total": torch.ones(())}, "metrics": []}, path),
        lambda path: torch.save({"trainer": Counter().state_dict(), "metrics": [{"epoch": 1, "loss": 2}]}, path),
    ],
)
def test_a_bad_checkpoint_begins_again_and_says_so(tmp_path: Path, damage) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Killed):
        run(path, log=Log(2))
    damage(path)
    trainer, log = run(path)
    assert trainer.total == run(tmp_path / "other.pt")[0].total
    assert log.progress[0] == []
    assert len(log.restarts) == 1
    assert "checkpoint.pt is damaged" in log.restarts[0]
    assert "\n" not in log.restarts[0]


def test_metrics_are_none_where_their_type_allows_it(tmp_path: Path) -> None:
    path, trainer = tmp_path / "checkpoint.pt", Counter()
    next(iter(trainer.epochs()))
    torch.save({"trainer": trainer.state_dict(), "metrics": [{"epoch": 1, "total": None}]}, path)
    assert load_checkpoint(path, Counter(), Maybe) == [Maybe(1, None)]
    with pytest.raises(BadCheckpoint, match="no numbers"):
        load_checkpoint(path, Counter(), Count)


def test_nothing_in_a_checkpoint_is_run(tmp_path: Path) -> None:
    class Malice:
        def __reduce__(self):
            return Path.touch, (tmp_path / "was run",)

    for write in (
        lambda path: torch.save(Malice(), path),
        lambda path: path.write_bytes(pickle.dumps(Malice(), protocol=2)),
    ):
        path = tmp_path / "checkpoint.pt"
        write(path)
        with pytest.raises(BadCheckpoint):
            load_checkpoint(path, Counter(), Count)
    assert not (tmp_path / "was run").exists()


def test_memory_that_is_short_is_no_bad_checkpoint(tmp_path: Path) -> None:
    class Large(Counter):
        def load_state_dict(self, state):
            raise torch.OutOfMemoryError("short")

    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, Counter(), [])
    before = path.read_bytes()
    with pytest.raises(torch.OutOfMemoryError):
        run(path, Large)
    assert path.read_bytes() == before


def test_a_full_disk_is_an_error_of_the_system_and_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Killed):
        run(path, log=Log(1))
    before = path.read_bytes()

    def full(self: Path, content: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        run(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def real(seed: int = 0) -> Trainer:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(24) % 2
    data = ImageSet(torch.randn(24, 1, 4, 4, generator=generator) + labels.view(-1, 1, 1, 1), labels)
    with seeded(seed):
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(16, 2)
        )
    recipe = Recipe(epochs=3, batch_size=8)
    return Trainer(model, data, data, INFO, recipe, seed=seed, device=torch.device("cpu"))


@pytest.mark.parametrize("kill_at", [1, 2])
def test_the_proxys_trainer_resumes_to_the_same_bits(tmp_path: Path, kill_at: int) -> None:
    whole, _ = run(tmp_path / "whole.pt", real, EpochMetrics)
    with pytest.raises(Killed):
        run(tmp_path / "killed.pt", real, EpochMetrics, Log(kill_at))
    resumed, log = run(tmp_path / "killed.pt", real, EpochMetrics)
    assert log.restarts == []
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], tensor), name


def test_another_networks_checkpoint_is_no_use(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "counter.pt", Counter(), [])
    with pytest.raises(BadCheckpoint, match="damaged or foreign"):
        load_checkpoint(tmp_path / "counter.pt", real(), EpochMetrics)
