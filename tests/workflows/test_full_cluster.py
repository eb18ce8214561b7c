"""Full trainings on a Ray cluster: what is said of its nodes, and one that is killed under a training."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from observers import Notes

from sasa_nas.cluster.quiet import keep_ray_quiet
from sasa_nas.cluster.request import ClusterRanks
from sasa_nas.errors import UserError
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import TrainingSettings
from sasa_nas.space import Architecture
from sasa_nas.training.full.metrics import FullMetrics
from sasa_nas.training.loop import EpochReport
from sasa_nas.workflows.full_cluster import _Followed
from sasa_nas.workflows.full_share import Share, divided
from sasa_nas.workflows.train import train_network

STORE = 80 * 2**20
EPOCHS = 12
"""Of the training: its node is killed after the second, of which this process hears some epochs later."""


class Said:
    """Progress that keeps what it is told, in short."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def started(self, history: Any) -> None:
        self.events.append(("started", len(history)))

    def restarted(self, reason: str) -> None:
        self.events.append(reason)

    def advanced(self, history: Any) -> None:
        self.events.append(("advanced", len(history)))

    def stepped(self, epoch: int, done: int, updates: int) -> None:
        self.events.append((epoch, done))

    def regrouped(self, news: str) -> None:
        self.events.append(news)


def epochs(count: int) -> list[dict[str, Any]]:
    return [asdict(FullMetrics(epoch + 1, 1.0, 0.5, 1.0, 1.0, 1.0, 0)) for epoch in range(count)]


def test_what_becomes_of_the_processes_is_said_with_the_place_they_go_on_from() -> None:
    said = Said()
    followed = _Followed(said, ClusterRanks("a:1", 1, 3))
    followed.grouped(3, ())
    for message in (("started", []), ("stepped", (1, 0, 9)), ("advanced", epochs(1)), ("stepped", (2, 7, 9))):
        followed.received(message)
    assert followed.furthest() == (2, 7)
    # the first rank was lost after the second epoch's checkpoint, before it had sent it
    followed.awaited(1, ("10.0.0.2",))
    followed.grouped(1, ("10.0.0.2", "10.0.0.3"))
    for message in (("started", epochs(2)), ("stepped", (3, 0, 9)), ("advanced", epochs(3)), ("stepped", (4, 5, 9))):
        followed.received(message)
    followed.grouped(2, ())
    for message in (("started", epochs(3)), ("stepped", (4, 1, 9))):
        followed.received(message)
    assert followed.furthest() == (4, 5)
    assert said.events == [
        ("started", 0),
        (1, 0),
        ("advanced", 1),
        (2, 7),
        "node 10.0.0.2 is lost: waiting until the cluster holds 1 process again",
        ("advanced", 2),
        (3, 0),
        "nodes 10.0.0.2, 10.0.0.3 are lost: going on with 1 process, from update 0 of epoch 3",
        ("advanced", 3),
        (4, 5),
        (4, 1),
        "more nodes have joined: going on with 2 processes, from update 1 of epoch 4",
    ]


def test_numbers_of_processes_are_checked() -> None:
    assert divided((2, 4), None, "a:1").on_cluster("cpu") == ClusterRanks("a:1", 2, 4, "cpu")
    assert divided(3, None, "auto").on_cluster("auto") == ClusterRanks("auto", 3, 3, "auto")
    assert divided(3, None, None).on_cluster("auto") is None
    with pytest.raises(UserError, match=r"--gpus 2:4: .* give --address"):
        divided((2, 4), None, None)
    with pytest.raises(UserError, match="--gpus 4:2: give the fewest and the most"):
        divided((4, 2), None, "a:1")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that trains nothing, and two nodes that hold one process each."""
    keep_ray_quiet()
    # Ray Train asks for both nodes at first when it has not heard of the loss, and would wait for a minute
    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "10")
    from ray.cluster_utils import Cluster

    # Ray's sockets want a short path
    folder = tempfile.mkdtemp(prefix="cluster-")
    health = {"initial_delay_ms": 0, "period_ms": 1000, "failure_threshold": 3}
    Path("/tmp/ray").mkdir(exist_ok=True)  # where Ray's helper notes the address, whatever the folder
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,
            "temp_dir": folder,
            "include_dashboard": False,
            "object_store_memory": STORE,
            "_system_config": {f"health_check_{name}": value for name, value in health.items()},
        },
    )
    for _ in range(2):
        cluster.add_node(num_cpus=1, object_store_memory=STORE)
    yield cluster
    cluster.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


class Killing(Notes):
    """Notes of a training, a node of which is killed after its second epoch."""

    def __init__(self, cluster: Any) -> None:
        super().__init__()
        self._cluster = cluster

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        super().epoch_ended(seed, metrics)
        if metrics.epoch == 2:
            self._cluster.remove_node(sorted(self._cluster.worker_nodes, key=id)[0], allow_graceful=False)


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_training_goes_on_without_a_node_that_is_killed_to_the_same_network(
    cluster: Any, architecture: Architecture, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = FullRecipe.model_validate(
        {
            "epochs": EPOCHS,
            "batch_size": 129,
            "optimizer": {"kind": "sgd", "learning_rate": 0.02},
            "augmentation": {"crop": {"kind": "shift", "padding": 1}, "mixing": {"mixup": {"alpha": 0.1}}},
            "precision": "fp64",
        }
    )
    settings = TrainingSettings(recipe=recipe, dataset="digits", device="cpu")
    whole = train_network(
        architecture, settings, name="tiny", out=tmp_path / "whole", share=Share(2, 0), estimating=False
    )
    notes = Killing(cluster)
    share = Share(2, 0, address=cluster.address, least=1)
    done = train_network(
        architecture, settings, name="tiny", out=tmp_path / "t", share=share, observer=notes, estimating=False
    )
    (news,) = (event for event in notes.events if "lost" in event)
    place = re.fullmatch(r"seed 0: node [\d.]+ is lost: going on with 1 process, from update \d+ of epoch (\d+)", news)
    assert place is not None
    assert 2 < int(place[1]) <= EPOCHS
    assert [event for event in notes.events if " epoch " in event and event != news] == [
        f"seed 0 epoch {epoch}" for epoch in range(1, EPOCHS + 1)
    ]
    assert done.result is not None
    assert whole.result is not None
    found, wanted = done.result.seeds[0], whole.result.seeds[0]
    assert found.test.accuracy == wanted.test.accuracy
    assert found.test.loss == pytest.approx(wanted.test.loss, rel=1e-6)
    assert found.validation is not None
    assert wanted.validation is not None
    assert found.validation.loss == pytest.approx(wanted.validation.loss, rel=1e-6)
    assert "raylet" not in "".join(capfd.readouterr())
