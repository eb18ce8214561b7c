"""Trainings of a tiny network on the real digits: what they leave, and what a kill costs them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from assertions import every
from safetensors.torch import load_file

from sasa_nas.data.splits import ImageSet, Splits
from sasa_nas.errors import UserError
from sasa_nas.models import build
from sasa_nas.run import TrainingFolder, TrainingSettings, read_result, read_training
from sasa_nas.run.training_records import Spread
from sasa_nas.space import Architecture, load_architecture
from sasa_nas.training.seeding import seeded
from sasa_nas.workflows import training_jobs
from sasa_nas.workflows.observer import TrainingSummary
from sasa_nas.workflows.train import resume_network, train_network

MakeSettings = Callable[..., TrainingSettings]


class Killed(BaseException):
    """No handler of errors may catch it, as none catches a kill."""


def metrics_of(folder: TrainingFolder, seed: int) -> list[dict[str, float]]:
    """What the epochs gave, without the times."""
    lines = [json.loads(line) for line in folder.seed(seed).metrics.read_text().splitlines()]
    return [{name: value for name, value in line.items() if not name.startswith("seconds")} for line in lines]


def accuracy(network: torch.nn.Module, data: ImageSet) -> float:
    with torch.no_grad():
        return (network.eval()(data.images).argmax(1) == data.labels).double().mean().item()


def test_a_training_leaves_its_files_and_its_results(
    architecture: Architecture, make_settings: MakeSettings, make_notes, tmp_path: Path
) -> None:
    notes = make_notes()
    summary = train_network(
        architecture, make_settings(seeds=(5, 6)), name="tiny", out=tmp_path / "t", observer=notes, command="sasa-nas"
    )
    folder, result = summary.folder, summary.result
    assert result is not None
    assert read_result(folder) == result
    assert read_training(folder) == summary.info
    assert summary.info.command == "sasa-nas"
    assert summary.info.class_names == tuple("0123456789")
    trained = load_architecture(folder.architecture)
    assert trained.id == summary.info.architecture_id == result.architecture_id
    assert (trained.image.channels, trained.image.height, trained.num_classes) == (1, 6, 10)
    files = sorted(str(file.relative_to(folder.path)) for file in folder.path.rglob("*") if file.is_file())
    seeds = [f"seeds/{seed}/{name}" for seed in (5, 6) for name in ("metrics.jsonl", "weights.safetensors")]
    assert files == sorted([".lock", "architecture.json", "result.json", "training.json", *seeds])
    assert notes.events == [
        "training tiny",
        *[f"seed {seed} {what}" for seed in (5, 6) for what in ("after 0", "epoch 1", "epoch 2")],
        "testing",
        "result of tiny",
    ]
    assert [seed.seed for seed in result.seeds] == [5, 6]
    assert result.test == Spread.of([seed.test.accuracy for seed in result.seeds])
    assert result.validation == Spread.of([seed.validation.accuracy for seed in result.seeds])


def test_the_results_are_those_of_the_weights_on_disk(
    architecture: Architecture, make_settings: MakeSettings, tmp_path: Path
) -> None:
    from sasa_nas.data.registry import load

    summary = train_network(architecture, make_settings(epochs=3), name="tiny", out=tmp_path / "t")
    assert summary.result is not None
    network = build(load_architecture(summary.folder.architecture))
    network.load_state_dict(load_file(summary.folder.seed(0).weights))
    splits = load("digits", image_size=6)
    (seed,) = summary.result.seeds
    assert seed.test.accuracy == pytest.approx(accuracy(network, splits.load_test()))
    assert seed.validation.accuracy == pytest.approx(accuracy(network, splits.validation))
    assert seed.validation.accuracy == metrics_of(summary.folder, 0)[-1]["accuracy"]


@pytest.fixture(scope="module")
def whole(
    architecture: Architecture, make_settings: MakeSettings, tmp_path_factory: pytest.TempPathFactory
) -> TrainingSummary:
    """An undisturbed training of two seeds."""
    out = tmp_path_factory.mktemp("whole")
    return train_network(architecture, make_settings(seeds=(0, 1)), name="tiny", out=out)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_killed_training_ends_where_an_undisturbed_one_does(
    architecture: Architecture, whole: TrainingSummary, make_notes, tmp_path: Path, after: int
) -> None:
    notes = make_notes(Killed(), after)
    with pytest.raises(Killed):
        train_network(architecture, whole.info.settings, name="tiny", out=tmp_path / "killed", observer=notes)
    notes = make_notes()
    resumed = resume_network(tmp_path / "killed", observer=notes)
    assert resumed.result == whole.result
    assert notes.events[1] == {1: "seed 0 after 1", 2: "seed 0 after 2", 3: "seed 1 after 1"}[after]
    for seed in (0, 1):
        assert metrics_of(resumed.folder, seed) == metrics_of(whole.folder, seed)
        weights, expected = (load_file(folder.seed(seed).weights) for folder in (resumed.folder, whole.folder))
        assert every(torch.equal(tensor, expected[name]) for name, tensor in weights.items())
        assert not resumed.folder.seed(seed).checkpoint.exists()


def test_each_seed_draws_its_own_initial_weights(
    architecture: Architecture, make_settings: MakeSettings, tmp_path: Path
) -> None:
    # at this rate the trained weights are the initial ones
    settings = make_settings(epochs=1, learning_rate=1e-12, seeds=(4, 9))
    folder = train_network(architecture, settings, name="tiny", out=tmp_path / "t").folder
    for seed in (4, 9):
        with seeded(seed):
            expected = build(load_architecture(folder.architecture)).classifier.weight
        assert torch.allclose(load_file(folder.seed(seed).weights)["classifier.weight"], expected, atol=1e-6)


def test_metrics_that_a_kill_kept_from_the_disk_are_written_on_resuming(
    whole: TrainingSummary, architecture: Architecture, make_notes, tmp_path: Path
) -> None:
    notes = make_notes(Killed(), after=2)
    with pytest.raises(Killed):
        train_network(architecture, whole.info.settings, name="tiny", out=tmp_path / "t", observer=notes)
    # as if the kill had come between the last checkpoint and its line
    file = TrainingFolder(tmp_path / "t").seed(0).metrics
    file.write_text(file.read_text().splitlines(keepends=True)[0])
    folder = resume_network(tmp_path / "t").folder
    assert metrics_of(folder, 0) == metrics_of(whole.folder, 0)


def test_ctrl_c_ends_a_training_that_can_be_resumed(
    architecture: Architecture, make_settings: MakeSettings, make_notes, tmp_path: Path
) -> None:
    summary = train_network(
        architecture, make_settings(), name="tiny", out=tmp_path / "t", observer=make_notes(KeyboardInterrupt())
    )
    assert summary.result is None
    resumed = resume_network(tmp_path / "t")
    assert resumed.result is not None


def test_a_damaged_checkpoint_begins_its_seed_again(
    architecture: Architecture, make_settings: MakeSettings, make_notes, tmp_path: Path
) -> None:
    settings = make_settings(seeds=(0, 1))
    with pytest.raises(Killed):
        train_network(architecture, settings, name="tiny", out=tmp_path / "t", observer=make_notes(Killed(), 3))
    folder = TrainingFolder(tmp_path / "t")
    folder.seed(1).checkpoint.write_bytes(b"half a checkpoint")
    # what a process killed in the middle of writing leaves
    (folder.seed(1).path / ".checkpoint.pt.abcd_123.pt").write_bytes(b"half")
    notes = make_notes()
    assert resume_network(folder.path, observer=notes).result is not None
    assert notes.events[1].startswith("seed 1 again: ")
    assert notes.events[2:] == ["seed 1 after 0", "seed 1 epoch 1", "seed 1 epoch 2", "testing", "result of tiny"]
    assert sorted(file.name for file in folder.seed(1).path.iterdir()) == ["metrics.jsonl", "weights.safetensors"]


@pytest.mark.parametrize("kept", [0, 3, 1000])
def test_weights_that_are_cut_off_are_trained_again(
    architecture: Architecture, make_settings: MakeSettings, tmp_path: Path, kept: int
) -> None:
    whole = train_network(architecture, make_settings(), name="tiny", out=tmp_path / "t")
    weights = whole.folder.seed(0).weights
    whole.folder.result.unlink()
    weights.write_bytes(weights.read_bytes()[:kept])
    assert resume_network(whole.folder.path).result == whole.result


def test_the_test_part_is_read_once_when_all_seeds_are_trained(
    architecture: Architecture,
    make_settings: MakeSettings,
    make_notes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notes = make_notes()
    reads: list[int] = []
    real = training_jobs.load

    def spied(*arguments: object, **options: object) -> Splits:
        splits = real(*arguments, **options)

        def load_test() -> ImageSet:
            reads.append(len(notes.events))
            return splits.load_test()

        return replace(splits, load_test=load_test)

    monkeypatch.setattr(training_jobs, "load", spied)
    train_network(architecture, make_settings(seeds=(0, 1)), name="tiny", out=tmp_path / "t", observer=notes)
    assert notes.events[-2:] == ["testing", "result of tiny"]
    assert reads == [len(notes.events) - 1]


def test_a_finished_training_is_left_as_it_is(
    architecture: Architecture, make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train_network(architecture, make_settings(epochs=1), name="tiny", out=tmp_path / "t")
    times = {file: file.stat().st_mtime_ns for file in first.folder.path.rglob("*")}
    monkeypatch.setattr(training_jobs, "load_for", None)  # nor are any data read
    assert resume_network(tmp_path / "t").result == first.result
    assert {file: file.stat().st_mtime_ns for file in first.folder.path.rglob("*")} == times


def test_a_training_that_diverges_says_so(
    architecture: Architecture, make_settings: MakeSettings, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"seed 0 diverged: .* lower --learning-rate"):
        train_network(architecture, make_settings(learning_rate=1e30), name="tiny", out=tmp_path / "t")


@pytest.mark.parametrize(
    ("update", "words"),
    [
        ({"dataset": "digit"}, "did you mean 'digits'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"image_size": 3}, "too small"),
        ({"width_multiplier": 1e-3, "depth_multiplier": 1.0, "recipe": {"batch_size": 1}}, "a batch of one"),
    ],
)
def test_what_cannot_be_trained_leaves_nothing(
    architecture: Architecture, make_settings: MakeSettings, tmp_path: Path, update: dict[str, object], words: str
) -> None:
    settings = TrainingSettings.model_validate(make_settings().model_dump() | update)
    with pytest.raises(UserError, match=words):
        train_network(architecture, settings, name="tiny", out=tmp_path / "t")
    assert list(tmp_path.iterdir()) == []


def test_a_width_that_the_heads_do_not_divide_is_refused(
    architecture: Architecture, make_settings: MakeSettings, tmp_path: Path
) -> None:
    stage = architecture.stages[1]
    wide = stage.model_copy(update={"width": 64, "operator": stage.operator.model_copy(update={"num_heads": 16})})
    settings = make_settings().model_copy(update={"width_multiplier": 0.125})
    with pytest.raises(UserError, match=r"wide\.yaml, fitted to digits: .*num_heads=16"):
        train_network(
            architecture.model_copy(update={"stages": (wide,)}), settings, name="wide.yaml", out=tmp_path / "t"
        )
    assert list(tmp_path.iterdir()) == []


def test_multipliers_scale_the_trained_network(
    architecture: Architecture, make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings(epochs=1).model_copy(update={"width_multiplier": 2.0, "depth_multiplier": 3.0})
    summary = train_network(architecture, settings, name="tiny", out=tmp_path / "t")
    trained = load_architecture(summary.folder.architecture)
    assert [(stage.width, stage.blocks) for stage in trained.stages] == [(16, 3), (16, 3)]


@pytest.mark.parametrize("name", ["tiny", "here/tiny.yaml", "here/tiny/", "tiny.json", "../x/tiny"])
def test_a_folder_of_ones_own_is_named_after_the_network(
    architecture: Architecture,
    make_settings: MakeSettings,
    make_notes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    notes = make_notes(KeyboardInterrupt())
    summary = train_network(architecture, make_settings(epochs=1), name=name, observer=notes)
    assert summary.folder.path.parent == Path("runs")
    assert summary.folder.path.name.startswith("train-tiny-2")


def test_a_folder_that_is_taken_is_refused(
    architecture: Architecture, make_settings: MakeSettings, tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="not empty; choose another --out"):
        train_network(architecture, make_settings(), name="tiny", out=tmp_path)
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(UserError, match="already holds a training; go on with it"):
        train_network(architecture, make_settings(), name="tiny", out=tmp_path)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("training.json", '"mean": [', '"mean": [9.0, ', "no longer what the network was trained on"),
        ("training.json", '"digits"', '"mnist8"', "unknown dataset"),
        ("architecture.json", '"width": 8', '"width": 16', r"architecture\.json is not the network"),
        ("training.json", '"device": "cpu"', '"device": "tpu"', "unknown device"),
    ],
)
def test_a_folder_that_was_tampered_with_is_not_resumed(
    architecture: Architecture,
    make_settings: MakeSettings,
    make_notes,
    tmp_path: Path,
    file: str,
    old: str,
    new: str,
    words: str,
) -> None:
    train_network(architecture, make_settings(), name="tiny", out=tmp_path, observer=make_notes(KeyboardInterrupt()))
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=words):
        resume_network(tmp_path)


def test_a_full_disk_says_how_to_go_on(
    architecture: Architecture, make_settings: MakeSettings, make_notes, tmp_path: Path
) -> None:
    notes = make_notes(OSError(28, "No space left on device"))
    with pytest.raises(UserError, match=r"No space left on device; .*`sasa-nas train --resume .*t`"):
        train_network(architecture, make_settings(), name="tiny", out=tmp_path / "t", observer=notes)
    assert resume_network(tmp_path / "t").result is not None


def test_a_gpu_that_is_too_small_says_what_to_do(
    architecture: Architecture, make_settings: MakeSettings, make_notes, tmp_path: Path
) -> None:
    notes = make_notes(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(UserError, match=r"batches of 128 exceed the GPU's memory; use a smaller --batch-size"):
        train_network(architecture, make_settings(), name="tiny", out=tmp_path / "t", observer=notes)


def test_a_training_on_a_subset_goes_on_with_the_same_one(
    architecture: Architecture, make_settings: MakeSettings, make_notes, tmp_path: Path
) -> None:
    settings = make_settings().model_copy(update={"train_images": 64})
    whole = train_network(architecture, settings, name="net", out=tmp_path / "whole")
    stop = make_notes(KeyboardInterrupt())
    cut = train_network(architecture, settings, name="net", out=tmp_path / "cut", observer=stop)
    assert cut.result is None
    assert read_training(cut.folder).settings.train_images == 64
    resumed = resume_network(tmp_path / "cut")
    assert metrics_of(resumed.folder, 0) == metrics_of(whole.folder, 0)
    every = train_network(architecture, make_settings(), name="net", out=tmp_path / "every")
    assert metrics_of(every.folder, 0) != metrics_of(whole.folder, 0)
