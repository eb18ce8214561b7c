"""`train` as a person calls it: real digits for two epochs, a kill, Ctrl-C, and wrong input."""

import inspect
import json
import signal
import time
from pathlib import Path

import pytest
from assertions import every
from failing import fails
from forked import ForkedProgram

from sasa_nas.cli.app import main
from sasa_nas.cli.train import train
from sasa_nas.run import TrainingFolder
from sasa_nas.space import Recipe

SMALL = """
block: basic
stem: {kind: conv, width: 8}
stages:
  - {blocks: 1, width: 8}
  - {blocks: 1, width: 8, stride: 2, operator: {kind: local_attention, kernel_size: 3, num_heads: 2}}
"""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "training"


def test_digits_are_learnt_measured_and_evaluated(capsys: pytest.CaptureFixture[str], network: Path, out: Path) -> None:
    options = ["--dataset", "digits", "--epochs", "2", "--learning-rate", "0.01", "--seeds", "2", "--seed", "3"]
    assert main(["train", str(network), *options, "--out", str(out)]) == 0
    captured = capsys.readouterr()
    result = json.loads((out / "result.json").read_text())
    assert [seed["seed"] for seed in result["seeds"]] == [3, 4]
    assert result["test"]["mean"] > 0.3
    assert f"Training: {out}" in captured.out
    assert f"{100 * result['test']['mean']:.2f}% ± {100 * result['test']['std']:.2f}" in captured.out
    assert f"evaluate {out}" in captured.out
    lines = captured.err.splitlines()
    assert "small.yaml on digits, 2 epochs, 2 seeds" in lines[0]
    assert [line.split(":")[0] for line in lines[1:5]] == [
        f"seed {seed} epoch {epoch}/2" for seed in (3, 4) for epoch in (1, 2)
    ]
    assert lines[-1] == "all seeds are trained; reading the test split"
    recipe = json.loads((out / "training.json").read_text())["settings"]["recipe"]
    assert recipe == Recipe(epochs=2, learning_rate=0.01).model_dump()
    # finished: going on says the same again
    assert main(["train", "--resume", str(out)]) == 0
    again = capsys.readouterr()
    assert again.out == captured.out
    assert again.err == ""
    assert main(["evaluate", str(out), "--split", "test", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["measurements"][0]["accuracy"] == result["test"]


def test_the_whole_train_part_leaves_the_test_split_to_measure_on(
    capsys: pytest.CaptureFixture[str], network: Path, out: Path
) -> None:
    options = ["--dataset", "digits", "--recipe", "small_20", "--set", "epochs=1", "--set", "schedule.warmup_epochs=0"]
    assert main(["train", str(network), *options, "--loader-workers", "0", "--whole-train", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    result = json.loads((out / "result.json").read_text())
    assert result["validation"] is None
    table = captured.out.splitlines()[captured.out.splitlines().index(f"Training: {out}") + 1 :]
    assert table[0].split() == ["seed", "test"]
    assert "validation" not in captured.out
    assert "no validation, " in captured.err
    assert "--split test" in fails(capsys, "evaluate", out)


def test_help_tells_the_recipes_defaults() -> None:
    annotations = inspect.get_annotations(train, eval_str=True)
    told = {name: annotations[name].__metadata__[0].show_default for name in Recipe.model_fields}
    assert told.pop("augment") == "augment"
    assert {name: float(text) for name, text in told.items()} | {"augment": True} == Recipe().model_dump()


def train_apart(*arguments: object) -> ForkedProgram:
    """`train` in a process of its own."""
    return ForkedProgram(["-m", "sasa_nas", "train", *arguments])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[object], Path]:
    """The arguments of a training, and its folder after it went through."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "small.yaml").write_text(SMALL)
    arguments = [folder / "small.yaml", "--dataset", "digits", "--epochs", 12, "--device", "cpu"]
    process = train_apart(*arguments, "--out", folder / "training")
    done = process.wait(100)
    assert done.returncode == 0, done.stderr
    return arguments, folder / "training"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_stopped_training_goes_on_to_the_same_result(
    undisturbed: tuple[list[object], Path], out: Path, number: signal.Signals
) -> None:
    arguments, whole = undisturbed
    process = train_apart(*arguments, "--out", out)
    metrics = TrainingFolder(out).seed(0).metrics
    deadline = time.monotonic() + 60
    while not (metrics.exists() and len(metrics.read_text().splitlines()) > 2):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    stopped = process.wait(60)
    assert not (out / "result.json").exists()
    if number != signal.SIGKILL:
        assert stopped.returncode == 130
        assert f"train --resume {out}" in stopped.stdout
        assert "Traceback" not in stopped.stderr
    resumed = train_apart("--resume", out).wait(100)
    assert resumed.returncode == 0, resumed.stderr
    assert "seed 0 goes on after epoch" in resumed.stderr
    assert (out / "result.json").read_bytes() == (whole / "result.json").read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), ("--dataset", "--resume")),
        (("--dataset", "digit"), ("digit", "digits")),
        (("--dataset", "imagefolder:/nowhere/at/all"), ("/nowhere/at/all",)),
        (("--dataset", "digits", "--epochs", 0), ("--epochs",)),
        (("--dataset", "digits", "--seeds", 0), ("--seeds",)),
        (("--dataset", "digits", "--seed", 2**63), ("--seed", "less than")),
        (("--dataset", "digits", "--learning-rate", 0), ("learning_rate = 0.0", "greater than 0")),
        (("--dataset", "digits", "--label-smoothing", 1), ("label_smoothing", "less than 1")),
        (("--dataset", "digits", "--batch-size", 1), ("batch of one",)),
        (("--dataset", "digits", "--width-multiplier", 0), ("width_multiplier",)),
        (("--dataset", "digits", "--device", "gpu"), ("gpu", "cuda")),
        (("--dataset", "digits", "--image-size", 2), ("image size 2",)),
        (("--dataset", "digits", "--epoch", 1), ("--epoch",)),
        (("--dataset", "digits", "--whole-train"), ("whole_train", "give --recipe")),
    ],
)
def test_wrong_options_are_named_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], network: Path, out: Path, options: tuple[object, ...], words: tuple[str, ...]
) -> None:
    line = fails(capsys, "train", network, *options, "--out", out)
    assert every(word in line for word in words), line
    assert not out.exists()


def test_a_network_that_is_none_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "did you mean 'resnet18'?" in fails(capsys, "train", "resnet19", "--dataset", "digits")
    assert "a network" in fails(capsys, "train", "--dataset", "digits")
    assert "there is no file" in fails(capsys, "train", tmp_path / "none.yaml", "--dataset", "digits")


def test_a_folder_that_holds_something_is_refused(
    capsys: pytest.CaptureFixture[str], network: Path, tmp_path: Path
) -> None:
    assert "is not empty" in fails(capsys, "train", network, "--dataset", "digits", "--out", tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["small.yaml"]


def test_resuming_goes_on_as_it_was_begun(capsys: pytest.CaptureFixture[str], network: Path, tmp_path: Path) -> None:
    assert "is not a training" in fails(capsys, "train", "--resume", tmp_path)
    assert "leave out --epochs" in fails(capsys, "train", "--resume", tmp_path, "--epochs", 10)
    assert "leave out the network" in fails(capsys, "train", network, "--resume", tmp_path)
