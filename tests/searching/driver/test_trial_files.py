from pathlib import Path

import pytest

from sasa_nas.errors import UserError
from sasa_nas.run import Outcome, RunFolder
from sasa_nas.searching.driver.trial_files import TrialFiles
from sasa_nas.searching.storage import Storage, StoredFolder

FILES = ("architecture.json", "metrics.jsonl", "weights.safetensors", "checkpoint.pt", "checkpoint.earlier.pt")


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"file://{tmp_path}/bucket"


@pytest.fixture
def files(folder: RunFolder, storage: str) -> TrialFiles:
    folder.trials.mkdir()
    return TrialFiles(folder, storage)


def train(files: TrialFiles, number: int, local: Path, names: tuple[str, ...] = FILES) -> None:
    """What a worker does."""
    local.mkdir(exist_ok=True)
    for name in names:
        (local / name).write_text(f"{name} of {number}")
    StoredFolder(files.url(number) or "", local).push()


def test_files_come_in_without_checkpoints_and_then_leave_the_storage(
    files: TrialFiles, folder: RunFolder, storage: str, make_record, tmp_path: Path
) -> None:
    record = make_record(3, accuracy=0.5, flops=10)
    train(files, 3, tmp_path / "worker")
    files.bring_in(record)
    assert sorted(path.name for path in folder.trial(3).path.iterdir()) == sorted(FILES[:3])
    assert folder.trial(3).weights.read_text() == "weights.safetensors of 3"
    assert Storage(f"{storage}/trials").folders() == ["0003"]  # a search killed here does it again
    files.clear(3)
    assert Storage(f"{storage}/trials").folders() == []


def test_a_trained_network_without_weights_stops_the_search(
    files: TrialFiles, storage: str, make_record, tmp_path: Path
) -> None:
    train(files, 3, tmp_path / "worker", FILES[:2])
    with pytest.raises(UserError, match=rf"{storage}/trials/0003 holds no weights.*same place on all machines"):
        files.bring_in(make_record(3, accuracy=0.5, flops=10))
    files.bring_in(make_record(3, outcome=Outcome.DIVERGED))


def test_without_a_storage_only_checkpoints_go(folder: RunFolder, make_record, tmp_path: Path) -> None:
    files = TrialFiles(folder, None)
    trial = folder.trial(3)
    trial.path.mkdir(parents=True)
    for name in FILES:
        (trial.path / name).touch()
    assert files.url(3) is None
    files.bring_in(make_record(3, accuracy=0.5, flops=10))
    files.clear(3)
    assert sorted(path.name for path in trial.path.iterdir()) == sorted(FILES[:3])


def test_what_a_kill_left_undone_is_done_for_finished_trials_alone(
    files: TrialFiles, folder: RunFolder, storage: str, make_record, tmp_path: Path
) -> None:
    for number in range(3):
        train(files, number, tmp_path / "worker")
    done = make_record(0, outcome=Outcome.STOPPED)
    folder.trial(1).path.mkdir()
    for file in (folder.trial(1).architecture, folder.trial(1).metrics, folder.trial(1).checkpoint):
        file.write_text("here")
    files.settle([done, make_record(1, accuracy=0.5, flops=10), make_record(2)])
    assert folder.trial(0).metrics.read_text() == "metrics.jsonl of 0"
    assert folder.trial(1).metrics.read_text() == "here"  # of one that is here already, a late worker's are not taken
    assert not folder.trial(1).checkpoint.exists()
    assert Storage(f"{storage}/trials").folders() == ["0002"]
