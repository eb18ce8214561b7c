import errno
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from assertions import every
from safetensors.torch import load_file

from sasa_nas.files import write_atomically
from sasa_nas.models import build
from sasa_nas.run import Outcome, TrialFolder
from sasa_nas.searching.plan import SearchPlan, draw
from sasa_nas.searching.storage import Storage, StorageError
from sasa_nas.searching.worker.data_cache import DataCache
from sasa_nas.searching.worker.messages import TrainingReport, TrainingTask
from sasa_nas.searching.worker.training import Training
from sasa_nas.space import load_architecture
from sasa_nas.space.choosers import RandomChooser
from sasa_nas.training.proxy import Trainer

MakePlan = Callable[..., SearchPlan]


@pytest.fixture
def make_task(make_plan: MakePlan, tmp_path: Path) -> Callable[..., TrainingTask]:
    def make(*, seed: int = 0, epochs: int = 2, learning_rate: float = 3e-3, name: str = "0000") -> TrainingTask:
        plan = make_plan(
            lambda data: data["proxy"].update(
                recipe={"epochs": epochs, "batch_size": 128, "learning_rate": learning_rate}
            )
        )
        design = draw(plan, RandomChooser(random.Random(1)))
        return TrainingTask(
            number=3,
            folder=tmp_path / name,
            architecture=design.architecture,
            full_size=design.full_size,
            proxy=plan.space.proxy,
            data_dir=tmp_path,
            seed=seed,
            threads=1,
            device="cpu",
        )

    return make


def test_a_training_leaves_its_files_and_its_last_accuracy(make_task: Callable[..., TrainingTask]) -> None:
    task = make_task()
    training = Training(task, DataCache())
    first, last = training.advance(), training.advance()
    folder = TrialFolder(task.folder)
    assert (first.outcome, first.epoch) == (Outcome.RUNNING, 1)
    assert (last.outcome, last.epoch, last.number) == (Outcome.TRAINED, 2, 3)
    assert last.seconds > first.seconds > 0
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert lines[-1]["accuracy"] == last.accuracy
    assert load_architecture(folder.architecture) == task.architecture
    assert load_architecture(folder.full_size) == task.full_size


def test_the_weights_on_disk_are_the_network_that_was_validated(make_task: Callable[..., TrainingTask]) -> None:
    task, data = make_task(), DataCache()
    training = Training(task, data)
    training.advance()
    report = training.advance()
    network = build(task.architecture)
    network.load_state_dict(load_file(TrialFolder(task.folder).weights))
    validation = data.get(task.proxy, task.data_dir).validation
    with torch.no_grad():
        right = network.eval()(validation.images).argmax(1) == validation.labels
    assert right.float().mean().item() == pytest.approx(report.accuracy)


def test_the_same_seed_gives_the_same_accuracies(make_task: Callable[..., TrainingTask]) -> None:
    def losses(seed: int, name: str) -> list[float | None]:
        training = Training(make_task(seed=seed, name=name), DataCache())
        return [training.advance().train_loss, training.advance().train_loss]

    assert losses(5, "a") == losses(5, "b")
    assert losses(5, "c") != losses(6, "d")


def test_a_loss_that_is_no_number_ends_the_trial_with_a_reason(make_task: Callable[..., TrainingTask]) -> None:
    report = Training(make_task(learning_rate=1e30, epochs=3), DataCache()).advance()
    assert report.outcome is Outcome.DIVERGED
    assert report.accuracy is None
    assert "loss is" in (report.reason or "")


def test_any_other_error_is_kept_with_its_traceback(
    make_task: Callable[..., TrainingTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(trainer: Trainer) -> None:
        raise ZeroDivisionError("no kernel image")

    monkeypatch.setattr(Trainer, "run_epoch", fail)
    task = make_task()
    report = Training(task, DataCache()).advance()
    assert (report.outcome, report.halt) == (Outcome.BROKEN, None)
    assert report.reason == "ZeroDivisionError: no kernel image"
    assert "Traceback" in TrialFolder(task.folder).error.read_text()


def test_data_that_cannot_be_read_is_no_trials_fault(make_task: Callable[..., TrainingTask]) -> None:
    task = make_task()
    absent = task.model_copy(update={"proxy": task.proxy.model_copy(update={"dataset": "nowhere"})})
    report = Training(absent, DataCache()).advance()
    assert report.outcome is Outcome.RUNNING
    assert "unknown dataset 'nowhere'" in (report.halt or "")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: 8 bytes"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_a_lack_of_memory_is_an_outcome_of_its_own_and_can_be_tried_again(
    make_task: Callable[..., TrainingTask], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    training = Training(make_task(epochs=1), DataCache())
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "run_epoch", lambda trainer: (_ for _ in ()).throw(error))
        report = training.advance()
    assert (report.outcome, report.halt) == (Outcome.OUT_OF_MEMORY, None)
    assert type(error).__name__ in (report.reason or "")
    assert training.advance().outcome is Outcome.TRAINED


@pytest.mark.parametrize("file", ["architecture.json", "checkpoint.pt", "metrics.jsonl", "weights.safetensors"])
def test_a_full_disk_halts_the_search_and_what_was_written_stays(
    make_task: Callable[..., TrainingTask], monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    task = make_task(epochs=3)
    folder = TrialFolder(task.folder)
    training = Training(task, DataCache())
    if file != "architecture.json":
        training.advance()

    def full(path: Path, write: Callable[[Path], None]) -> None:
        if path.name == file:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_atomically(path, write)

    with monkeypatch.context() as patched:
        for module in ("sasa_nas.files", "sasa_nas.training.checkpoint", "sasa_nas.searching.worker.training"):
            patched.setattr(f"{module}.write_atomically", full)
        report = training.advance()
        if file == "weights.safetensors":
            report = training.advance()
    assert report.outcome is Outcome.RUNNING
    assert report.halt == f"{task.folder} cannot be written: No space left on device"
    assert not folder.error.exists()
    # once there is room, another session goes on from the last checkpoint
    again = advance_to_end(Training(task, DataCache()))
    epochs = {"architecture.json": [1, 2, 3], "checkpoint.pt": [1, 2, 3], "metrics.jsonl": [2, 3]}
    assert [report.epoch for report in again] == epochs.get(file, [2, 3])
    assert again[-1].outcome is Outcome.TRAINED


def advance_to_end(training: Training) -> list[TrainingReport]:
    reports = [training.advance()]
    while reports[-1].outcome is Outcome.RUNNING:
        reports.append(training.advance())
    return reports


@pytest.mark.parametrize("trained", [1, 2])
def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(
    make_task: Callable[..., TrainingTask], trained: int
) -> None:
    whole = advance_to_end(Training(make_task(epochs=3, name="whole"), DataCache()))
    task = make_task(epochs=3, name="cut")
    first = Training(task, DataCache())
    for _ in range(trained):
        first.advance()
    folder = TrialFolder(task.folder)
    folder.metrics.write_text("half a line", encoding="utf-8")  # the kill came between checkpoint and metrics
    again = advance_to_end(Training(task, DataCache()))
    # its last epoch once more, in case nobody heard of it, then the rest
    assert [report.epoch for report in again] == list(range(trained, 4))
    assert [report.train_loss for report in again] == [report.train_loss for report in whole[trained - 1 :]]
    assert [json.loads(line)["epoch"] for line in folder.metrics.read_text().splitlines()] == [1, 2, 3]
    expected = load_file(tmp_weights(task, "whole"))
    found = load_file(folder.weights)
    assert every(torch.equal(found[name], expected[name]) for name in expected)


def tmp_weights(task: TrainingTask, name: str) -> Path:
    return TrialFolder(task.folder.parent / name).weights


@pytest.mark.parametrize("damage", ["empty", "garbage", "cut", "foreign", "of a longer recipe", "of another seed"])
def test_a_checkpoint_that_is_of_no_use_costs_only_time(make_task: Callable[..., TrainingTask], damage: str) -> None:
    task = make_task(epochs=3)
    training = Training(task, DataCache())
    training.advance()
    training.advance()
    folder = TrialFolder(task.folder)
    whole = folder.checkpoint.read_bytes()
    contents = {"empty": b"", "garbage": b"x" * 1000, "cut": whole[: len(whole) // 2], "of a longer recipe": whole}
    contents["of another seed"] = whole  # it fits: the end of a study was lost, and the number came again
    folder.weights.write_bytes(b"of another network")
    if damage == "foreign":
        torch.save({"trainer": {}, "metrics": []}, folder.checkpoint)
    else:
        folder.checkpoint.write_bytes(contents[damage])
    folder.earlier_checkpoint.unlink()
    epochs = 2 if damage == "of a longer recipe" else 3
    again = Training(make_task(epochs=epochs, seed=int(damage == "of another seed")), DataCache())
    reports = [again.advance()]
    assert not folder.weights.exists()
    reports += advance_to_end(again)
    assert [report.epoch for report in reports] == list(range(1, epochs + 1))
    assert reports[-1].outcome is Outcome.TRAINED


def test_behind_a_garbled_checkpoint_is_the_one_before(make_task: Callable[..., TrainingTask]) -> None:
    whole = advance_to_end(Training(make_task(epochs=4, name="whole"), DataCache()))
    task = make_task(epochs=4)
    training = Training(task, DataCache())
    for _ in range(3):
        training.advance()
    folder = TrialFolder(task.folder)
    folder.checkpoint.write_bytes(folder.checkpoint.read_bytes()[:1000])
    again = advance_to_end(Training(task, DataCache()))
    assert [report.epoch for report in again] == [2, 3, 4]
    assert [report.train_loss for report in again] == [report.train_loss for report in whole[1:]]


def test_a_kill_between_two_checkpoints_costs_one_epoch(make_task: Callable[..., TrainingTask]) -> None:
    task = make_task(epochs=3)
    training = Training(task, DataCache())
    training.advance()
    folder = TrialFolder(task.folder)
    folder.checkpoint.replace(folder.earlier_checkpoint)  # the newer one was not there yet
    assert [report.epoch for report in advance_to_end(Training(task, DataCache()))] == [1, 2, 3]


def test_a_training_whose_end_nobody_heard_repeats_one_epoch(make_task: Callable[..., TrainingTask]) -> None:
    task = make_task(epochs=3)
    whole = advance_to_end(Training(task, DataCache()))
    again = advance_to_end(Training(task, DataCache()))
    assert [report.epoch for report in again] == [2, 3]
    assert again[-1].accuracy == whole[-1].accuracy


def test_data_is_read_once_for_many_trials(make_task: Callable[..., TrainingTask]) -> None:
    task, data = make_task(), DataCache()
    assert data.get(task.proxy, task.data_dir) is data.get(task.proxy, task.data_dir)
    other = task.proxy.model_copy(update={"image_size": 8})
    assert data.get(other, task.data_dir) is not data.get(task.proxy, task.data_dir)


def test_the_time_of_a_training_is_told_phase_by_phase(make_task: Callable[..., TrainingTask]) -> None:
    task = make_task(epochs=2).model_copy(update={"proposed": time.time() - 5.0})
    training = Training(task, DataCache())
    training.advance()
    time.sleep(0.05)
    report = training.advance()
    phases = report.phases
    assert min(phases.by_name().values()) > 0
    assert phases.queue >= 5.05
    assert phases.total - phases.queue <= report.seconds + 1e-3
    epochs = [json.loads(line) for line in TrialFolder(task.folder).metrics.read_text().splitlines()]
    assert phases.train == pytest.approx(sum(epoch["seconds_train"] for epoch in epochs))
    assert phases.evaluate == pytest.approx(sum(epoch["seconds_evaluate"] for epoch in epochs))


def test_a_training_that_diverges_tells_its_time_too(make_task: Callable[..., TrainingTask]) -> None:
    report = Training(make_task(learning_rate=1e30, epochs=3), DataCache()).advance()
    assert report.phases.build > 0


@pytest.fixture
def stored(make_task: Callable[..., TrainingTask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingTask:
    """A task for a machine that does not have the run's disk."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    task = make_task(epochs=3)
    return task.model_copy(
        update={"folder": tmp_path / "elsewhere" / "0003", "storage": f"file://{tmp_path}/bucket/0003"}
    )


def test_with_a_storage_another_machine_goes_on_and_the_runs_folder_is_not_used(
    stored: TrainingTask, make_task: Callable[..., TrainingTask], tmp_path: Path
) -> None:
    whole = advance_to_end(Training(make_task(epochs=3, name="whole"), DataCache()))
    first = Training(stored, DataCache())
    first.advance()
    first.advance()
    del first
    assert list((tmp_path / "temporary").iterdir()) == []
    again = advance_to_end(Training(stored, DataCache()))
    assert [report.epoch for report in again] == [2, 3]
    assert [report.train_loss for report in again] == [report.train_loss for report in whole[1:]]
    kept = TrialFolder(tmp_path / "bucket" / "0003")
    expected, found = load_file(TrialFolder(tmp_path / "whole").weights), load_file(kept.weights)
    assert every(torch.equal(found[name], expected[name]) for name in expected)
    assert [json.loads(line)["epoch"] for line in kept.metrics.read_text().splitlines()] == [1, 2, 3]
    assert load_architecture(kept.full_size) == stored.full_size
    assert not stored.folder.parent.exists()


def test_a_machine_that_loses_its_storage_leaves_the_trial_to_another(
    stored: TrainingTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(stored, DataCache())
    training.advance()

    def fail(storage: Storage, local: Path, name: str) -> None:
        raise StorageError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(Storage, "put", fail)
        with pytest.raises(StorageError):
            training.advance()
    assert [report.epoch for report in advance_to_end(Training(stored, DataCache()))] == [1, 2, 3]


def test_a_storage_of_no_use_halts_the_search(stored: TrainingTask) -> None:
    report = Training(stored.model_copy(update={"storage": "carrier-pigeon://coop"}), DataCache()).advance()
    assert report.outcome is Outcome.RUNNING
    assert "carrier-pigeon" in (report.halt or "")


def test_a_disk_that_the_driver_does_not_share_halts_the_search(stored: TrainingTask) -> None:
    report = Training(stored.model_copy(update={"storage": None}), DataCache()).advance()
    assert report.outcome is Outcome.RUNNING
    assert "No such file or directory; if workers do not share the disk" in (report.halt or "")
    assert not stored.folder.parent.exists()
