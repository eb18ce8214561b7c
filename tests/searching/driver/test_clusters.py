"""One real search on a Ray cluster of several nodes that share no disk, one of which vanishes.

It is of an operator of one's own, whose file lies on the driver's disk alone.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from assertions import every
from ray import cloudpickle
from ray.cluster_utils import Cluster
from studies import shown

from sasa_nas.operators.plugins import load_operators, unload_operators
from sasa_nas.run import Outcome, SearchSettings
from sasa_nas.searching import search
from sasa_nas.searching.driver import tune_run
from sasa_nas.searching.driver.tune_components import TrialTrainable
from sasa_nas.searching.storage import Storage

OWN_OPERATOR = Path(__file__).parents[3] / "examples" / "own_operator.py"
FILE_EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.listdir", "os.scandir", "os.link", "shutil.copyfile")


class DistantTrainable(TrialTrainable):
    """Works as on a machine without the run's disk; trial 0 loses its whole node after its second epoch."""

    def setup(self, config: dict[str, Any]) -> None:
        super().setup(config)
        run = str(self._training.task.folder.parents[1])

        def guard(event: str, arguments: tuple[Any, ...]) -> None:
            paths = [os.fsdecode(argument) for argument in arguments if isinstance(argument, str)]
            if event in FILE_EVENTS and any(path.startswith((run, str(OWN_OPERATOR.parent))) for path in paths):
                raise PermissionError(f"{event} of {arguments}: no such disk here")

        sys.addaudithook(guard)

    def step(self) -> dict[str, Any]:
        task, trainer = self._training.task, self._training._trainer
        if task.number == 0 and trainer is not None and trainer.epoch == 2 and _first_time(task.folder.parents[2]):
            os.kill(os.getppid(), signal.SIGKILL)  # the node
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step()


def _first_time(folder: Path) -> bool:
    try:
        os.close(os.open(folder / "vanished", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _three_epochs_of_own_operator(data: dict[str, Any]) -> None:
    data["proxy"]["recipe"].update(epochs=3)
    for stage in data["stages"][:2]:
        stage["operator"] = {"kind": "dilated_attention", "num_heads": 1}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A head that trains nothing, and two nodes that hold one trial each."""
    # Ray's sockets want a short path
    folder = tempfile.mkdtemp(prefix="cluster-")
    health = {"initial_delay_ms": 0, "period_ms": 1000, "failure_threshold": 5}
    impatience = {f"health_check_{name}": value for name, value in health.items()}
    Path("/tmp/ray").mkdir(exist_ok=True)  # where Ray's helper notes the address, whatever the folder
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "temp_dir": folder, "include_dashboard": False, "_system_config": impatience},
    )
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    yield cluster
    unload_operators(OWN_OPERATOR.stem)
    cluster.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_trials_go_on_elsewhere_when_a_node_vanishes_and_their_files_come_home(
    cluster: Cluster, make_space, tmp_path: Path, notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(tune_run, "TrialTrainable", DistantTrainable)
    load_operators(OWN_OPERATOR)
    space = make_space(_three_epochs_of_own_operator)
    storage = f"file://{tmp_path}/bucket/run"
    settings = SearchSettings(trials=2, balanced=0.0, address=cluster.address, storage=storage)
    summary = search(space, settings, out=tmp_path / "run", observer=notes)
    assert notes.workers == [2]
    assert [record.outcome for record in summary.records] == [Outcome.TRAINED] * 2
    assert sorted(node.remaining_processes_alive() for node in cluster.worker_nodes) == [False, True]
    epochs = Counter((report.number, report.epoch) for report in notes.epochs)
    # the other node took the last epoch from the storage, reported it again and trained only what was left
    assert [epochs[0, epoch] for epoch in (1, 2, 3)] == [1, 2, 1]
    assert [epochs[1, epoch] for epoch in (1, 2, 3)] == [1, 1, 1]
    for record in summary.records:
        assert record.architecture is not None
        assert {stage.operator.kind for stage in record.architecture.stages[:2]} == {"dilated_attention"}
        trial = summary.folder.trial(record.number)
        assert [json.loads(line)["epoch"] for line in trial.metrics.read_text().splitlines()] == [1, 2, 3]
        assert {path.name for path in trial.path.iterdir()} == {
            file.name for file in (trial.architecture, trial.full_size, trial.metrics, trial.weights)
        }
    assert every(trial.state.is_finished() for trial in shown(summary.folder))
    assert Storage(storage + "/trials").folders() == []
